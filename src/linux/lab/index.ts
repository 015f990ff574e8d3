/**
 * The real kernel as judge of rules: throw-away namespaces, packets in and out, and what the tables counted.
 *
 * Here: `Lab`, which takes the steps of a scenario, and `compareSteps`, which says where two judges part. Not here:
 * scenarios themselves and their expectations (`scenario`), and any change to this machine's own rules.
 */

export { type Backend, RulesRefusedError } from './_load.ts'
export { compareEnds, compareSteps } from './compare.ts'
export { type KernelStepResult, Lab, type LabOptions } from './lab.ts'
export { labLack, requireLab } from './requirements.ts'
export { durationMs, firstDifference, type KernelRunOptions, runOnKernel } from './run.ts'
