/** The shapes of the sections `rules`, `recipes` and `country` of `postern.yaml`. */
import { z } from 'zod'
import { countryShape, timeShape } from '../../linux/country/index.ts'
import { type Parameter, parametersOf, recipes } from '../../recipe/index.ts'

export const rulesShape = z
  .strictObject({
    v4: z.string().optional().describe('a file of IPv4 rules, as iptables-save prints them'),
    v6: z.string().optional().describe('a file of IPv6 rules'),
    sets: z.string().optional().describe('a file of sets that are made first, as ipset save prints them'),
    backend: z
      .enum(['legacy', 'nft'])
      .optional()
      .describe("the one that the system's iptables is by default"),
    'cut-sessions': z
      .boolean()
      .optional()
      .describe('load them although an open SSH session would be cut; false by default'),
  })
  .describe('rules that are in force from the start: the tables that the files name, as a whole')

const word = z.union([z.string(), z.number()])

const shapeOf = (parameter: Parameter) =>
  (parameter.kind === 'flag'
    ? z.boolean()
    : parameter.kind === 'many'
      ? z.union([word, z.array(word).min(1)])
      : word
  )
    .optional()
    .describe(parameter.doc)

const parametersShape = (recipe: (typeof recipes)[number]) =>
  z
    .strictObject({
      ...Object.fromEntries(
        Object.entries(parametersOf(recipe)).map(([name, parameter]) => [name, shapeOf(parameter)]),
      ),
      family: z.enum(['ipv4', 'ipv6', 'both']).optional().describe('ipv4 by default'),
    })
    .nullable()
    .optional()
    .describe(recipe.summary)

/** One key: the recipe's name, with its parameters. */
const useShape = z.strictObject(
  Object.fromEntries(recipes.map((recipe) => [recipe.name, parametersShape(recipe)])),
)

export const recipesShape = z
  .array(useShape)
  .describe('recipes, each at its place among the rules: `- knock: { open: tcp/3306, knock: [icmp, tcp/7] }`')

/** Parameters of one use of a recipe, as the file gives them. */
export type GivenUse = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>

export const countrySectionShape = countryShape
  .extend({
    refresh: timeShape.optional().describe('how often the lists are fetched anew; 7d by default'),
  })
  .describe('whole countries that are refused by one rule and a set; the allow-list is asked first')

export const onStopShape = z
  .enum(['keep', 'remove'])
  .describe(
    'what becomes of rules, recipes and country blocks when the daemon ends; they stay in force by default',
  )
