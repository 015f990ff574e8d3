/** The shape of `postern.yaml`, made of its sections: validation, types and the JSON schema for editors derive from it. */
import { z } from 'zod'
import { guardShape } from '../../guard/config/yaml/schema.ts'
import { authportShape } from '../authport/shape.ts'

export const posternShape = z
  .strictObject({
    guard: guardShape.optional(),
    authport: authportShape.optional(),
    metrics: z
      .string()
      .optional()
      .describe('where Prometheus may ask GET /metrics: `127.0.0.1:9184`; nowhere by default'),
  })
  .describe('The configuration of Postern')

export type PosternConfig = z.infer<typeof posternShape>

/** JSON schema (draft 2020-12) for editors. */
export const posternJsonSchema = (): unknown => z.toJSONSchema(posternShape)
