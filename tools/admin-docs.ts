/**
 * Writes docs/openapi.json and docs/admin-api.md from src/admin/operations.ts:
 * `node tools/admin-docs.ts`. A test fails when they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { openApi } from '../src/admin/openapi.ts'
import type { Operation } from '../src/admin/operation.ts'
import { operations } from '../src/admin/operations.ts'
import { sentenceALine } from './sentence-a-line.ts'

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))
const { version } = JSON.parse(readFileSync(path('package.json'), 'utf8')) as { version: string }

export const openApiFile = path('docs/openapi.json')
export const adminPage = path('docs/admin-api.md')

export const renderOpenApi = (): string =>
  `${JSON.stringify(openApi(operations, version), undefined, 2)}\n`

const introduction = `# The admin API

\`serve\` answers HTTP requests at the address of \`admin.listen\` (127.0.0.1:9225 unless you set another one).
The commands \`peers\`, \`strategy\` and \`splits\` use this API, and your own programs may use it too.

- When \`admin.token_file\` is set, each request needs the header \`Authorization: Bearer TOKEN\`.
  The requests that say "no token" below never need it.
- Without a token Rcptwise answers only on a loopback address, and only to loopback names.
- Bodies and answers are JSON.
  Times are ISO 8601 in UTC.
- Every failure has two words for you: \`error\` says what is wrong, \`expected\` says what was expected instead.
- A parameter or a key that is not listed here is a failure (400), so that a typing error changes nothing.
- Each change leaves one line in the log, with who made it.

[openapi.json](openapi.json) describes the same as OpenAPI 3.1, with the schemas of all answers.

This page is made from \`src/admin/operations.ts\` by \`node tools/admin-docs.ts\`.

## Live events

\`GET /api/v1/events\` tells what happens in all processes, as a \`text/event-stream\`.
A console reads it with \`fetch\`; \`curl -N\` shows it in a terminal.

\`\`\`
id: 6f1c0a9be2d4-217
event: splitOpened
data: {"kind":"splitOpened","at":1796045101483,"transaction":"rmkb6oryr6h6e6ai.1","split":"K3J9","peer":"default","strategy":"group","worker":2}
\`\`\`

\`data\` is one JSON object with \`kind\` (the name again), \`at\` (milliseconds since 1970) and, with several processes, \`worker\`.
Names and fields are those of the facts in [the log](log.md); Rcptwise shortens long texts and lists.

| event | what it tells |
|---|---|
| \`hello\` | the first one: \`instance\`, \`version\`, \`startedAt\` and \`epoch\` of this front-end |
| \`transactionEnded\` | what became of a message, with the reason of each recipient |
| \`splitOpened\`, \`splitClosed\`, \`splitForgiven\`, \`recipientsMissing\` | splits |
| \`strategyChanged\`, \`senderLearned\`, \`senderChanged\`, \`drainChanged\` | how senders are served from now on |
| \`backendEjected\`, \`backendReturned\`, \`backendFull\`, \`judgeServerDown\`, \`judgeServerBack\` | servers behind and judges that are down, full, or back |
| \`ledgerTrouble\`, \`ledgerRecovered\`, \`historyTrouble\`, \`historyRecovered\` | what Rcptwise writes to |
| \`workerLost\`, \`workerHung\` | processes |
| \`configLoaded\`, \`configKept\`, \`certificateLoaded\`, \`certificateKept\`, \`certificateExpires\`, \`policiesLoaded\`, \`policiesKept\` | what a reload has brought, or refused |
| \`totals\` | each 2 seconds, what all processes have counted since their start: \`transactions\` by outcome, \`recipients\` by verdict, \`forcedRetries\`, \`splitsOpened\`, \`splitsClosed\` |
| \`dropped\` | how many \`events\` a worker has left out, since the stream did not keep up; mail never waits for it |
| \`gap\` | how many events are \`lost\`, at least: they happened while you were away, and are not kept any more |
| \`reset\` | the id that you came back with is not of this run of \`serve\`: read anew what you show |

A reader that comes back sends the last \`id\` as \`Last-Event-ID\`, and reads on behind it.
Rcptwise keeps the latest events up to \`admin.events_kept\` (8 MiB), and for one minute after the last reader has gone.
A stream ends after 10 minutes, and its reader comes back.
When nothing happens, a comment (\`:\`) comes each 15 seconds.
At most 32 streams are read at a time; one more gets 503.
The stream of a reader that does not read for a minute is cut off.
While nobody reads, workers tell nothing and it costs nothing.
`

interface Property {
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
}

function rows(schema: z.ZodType | undefined, what: string): string[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: what === 'body' ? 'input' : 'output',
  }) as {
    readonly properties?: Readonly<Record<string, Property>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, enum: choices, ...property }]) => {
    const needed = what !== 'query' && required.includes(name)
    const fallback =
      property.default === undefined ? '' : ` Default: \`${JSON.stringify(property.default)}\`.`
    const words = description ?? (choices === undefined ? '' : `One of ${choices.join(', ')}.`)
    return `| \`${name}\` | ${what} | ${needed ? 'yes' : 'no'} | ${words}${fallback} |`
  })
}

function section(operation: Operation): string {
  const { method, path, open, summary, statuses } = operation
  const inputs = [
    ...rows(operation.params, 'path'),
    ...rows(operation.query, 'query'),
    ...rows(operation.body, 'body'),
  ]
  const table = ['| name | in | needed | meaning |', '|---|---|---|---|', ...inputs].join('\n')
  const answers = Object.entries(statuses).map(([status, when]) => `- \`${status}\`: ${when}`)
  return [
    `## ${method} ${path}`,
    sentenceALine(`${summary}${open ? ' No token.' : ''}`),
    ...(inputs.length === 0 ? [] : [table]),
    answers.join('\n'),
  ].join('\n\n')
}

export const renderAdminPage = (): string =>
  `${[introduction.trim(), ...operations.map(section)].join('\n\n')}\n`

if (import.meta.main) {
  writeFileSync(openApiFile, renderOpenApi())
  writeFileSync(adminPage, renderAdminPage())
}
