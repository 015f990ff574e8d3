/** The shape of `postern.yaml`, made of its sections: validation, types and the JSON schema for editors derive from it. */
import { z } from 'zod'
import { guardShape } from '../../guard/config/yaml/schema.ts'
import { authportShape } from '../authport/shape.ts'
import { countrySectionShape, onStopShape, recipesShape, rulesShape } from '../firewall/shape.ts'

export const posternShape = z
  .strictObject({
    rules: rulesShape.optional(),
    recipes: recipesShape.optional(),
    country: countrySectionShape.optional(),
    'on-stop': onStopShape.optional(),
    authport: authportShape.optional(),
    guard: guardShape.optional(),
    fleet: z.unknown().optional().describe('bans shared between hosts; not part of this version'),
    console: z.unknown().optional().describe('the web console; not part of this version'),
    metrics: z
      .string()
      .optional()
      .describe('where Prometheus may ask GET /metrics: `127.0.0.1:9184`; nowhere by default'),
  })
  .describe('The configuration of Postern')

export type PosternConfig = z.infer<typeof posternShape>

/** JSON schema (draft 2020-12) for editors. */
export const posternJsonSchema = (): unknown => z.toJSONSchema(posternShape)
