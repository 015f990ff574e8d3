/**
 * `postern.yaml` as a whole: the shape of the file from the shapes of its sections, and how it is read.
 *
 * What a section means is known where its work is done (the guard's in `guard`, the auth port's beside its service).
 */
export { type ConfigFile, readConfigFile } from './read.ts'
export { type PosternConfig, posternJsonSchema, posternShape } from './shape.ts'
