/** Files of the repository that are made from the program itself. `npm run generate` writes them. */

import { posternJsonSchema } from '../daemon/config/index.ts'
import { catalogueText } from '../ext/catalogue/index.ts'
import { guardCatalogue } from '../guard/config/catalogue.ts'
import { rulesJsonSchema } from '../lang/json.ts'
import { scenarioJsonSchema } from '../scenario/schema.ts'
import { loadCommands } from './commands.ts'
import { helpCommand } from './help.ts'
import { manualPages } from './manual.ts'

/** Only its words are asked for. */
const help = helpCommand({ names: [], print: () => '' })

const guardChapter = {
  title: 'The guard',
  intro:
    "What `postern guard` says of fail2ban's files and of `postern.yaml`. Examples without a file stand in jail.local.",
  entries: guardCatalogue,
}

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

export async function generatedFiles(): Promise<GeneratedFile[]> {
  return [
    { path: 'docs/scenario.schema.json', text: `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n` },
    { path: 'docs/postern.schema.json', text: `${JSON.stringify(posternJsonSchema(), null, 2)}\n` },
    { path: 'docs/diagnostics.md', text: catalogueText([guardChapter]) },
    { path: 'docs/rules.schema.json', text: `${JSON.stringify(rulesJsonSchema(), null, 2)}\n` },
    ...manualPages([...(await loadCommands()), help]).map(({ fileName, text }) => ({
      path: `man/${fileName}`,
      text,
    })),
  ]
}
