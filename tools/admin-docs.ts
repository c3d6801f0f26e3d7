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

- When there are tokens (\`admin.tokens\`), each request needs one; see "Tokens and sessions".
- Without tokens Rcptwise answers only on a loopback address, and only to loopback names.
- Bodies and answers are JSON.
  Times are ISO 8601 in UTC.
- Every failure has two words for you: \`error\` says what is wrong, \`expected\` says what was expected instead.
- A parameter or a key that is not listed here is a failure (400), so that a typing error changes nothing.
- Each change leaves one line in the log, with who made it.

[openapi.json](openapi.json) describes the same as OpenAPI 3.1, with the schemas of all answers.

This page is made from \`src/admin/operations.ts\` by \`node tools/admin-docs.ts\`.

## Tokens and sessions

\`\`\`yaml
admin:
  listen: 127.0.0.1:9225
  tokens:
    - { name: ann, role: operate, token_file: /etc/rcptwise/ann.token }
    - { name: duty, role: read, token_file: /etc/rcptwise/duty.token }
\`\`\`

A client shows its token as \`Authorization: Bearer TOKEN\`.
The name of the token is what the log calls whoever changes something.
A token with \`role: read\` gets 403 when it asks for a change.
Requests that say "no token" below never need one.

Rcptwise reads the file of a token again when it changes, and \`admin.tokens\` at a reload.
The first token of all, and no token any more, need a restart.

A console exchanges a token for a session with \`POST /api/v1/session\`.
The session is a cookie that no script can read (\`HttpOnly\`) and that no page of another site sends (\`SameSite=Strict\`).
It lasts 12 hours, also over a restart of \`serve\`, and ends at once when its token is changed, renamed or removed.
Rcptwise keeps nothing for a session, so there is no limit on their number.
\`DELETE /api/v1/session\` ends it, also over a restart; other front-ends do not hear of that, so replace the token if somebody may have copied the cookie.
A stream ends within a second when its token is gone or its session has ended.
Rcptwise logs wrong tokens with the address that they came from, at most one line a minute, and never the token.
A change by a session needs the header \`X-Rcptwise-Console\`, with any value, which a form of another site can not send.

With tokens or without, Rcptwise turns away what pages of other sites make a browser send:

- a \`Host\` that is neither an address, nor a loopback name, nor \`hostname\`, nor in \`admin.hosts\`;
- a change with the \`Origin\` of another site;
- with a session, whatever the browser says that another site has caused (\`Sec-Fetch-Site\`).

One token may make \`admin.requests_per_minute\` requests (1200).
After \`admin.failures_per_minute\` wrong tokens (10) from one address, tokens from there get 429 for the rest of the minute.

On a Unix socket (\`admin.socket: /run/rcptwise/admin.sock\`, \`admin.socket_mode: 0660\`) nobody needs a token: whoever may open the file may do everything.
The log then says \`socket\` for who changed something.
The commands take it as \`--admin unix:/run/rcptwise/admin.sock\`.
Rcptwise removes a socket that an earlier run has left behind.

## Changes

Each change takes a \`reason\` in your words, in its body, or in the query where it has none.
The log has it, and \`GET /api/v1/audit\` says who has changed what, from what to what, and why.
Each front-end keeps the latest 5,000 changes that were made there, in \`audit.jsonl\` of its data directory.

A JSON answer has an \`ETag\`; with \`If-None-Match\` you get 304 while it is the same.
A change with \`If-Match\` is made only while what it changes is as you have seen it.
Otherwise you get 412, and \`current\` says how it is now.

| change | the ETag of |
|---|---|
| strategy of a peer class | \`GET /api/v1/peers/{name}/strategy\` |
| strategy of a sender | \`GET /api/v1/senders/{name}/strategy\` |
| forget a sender | \`GET /api/v1/senders/{name}\` |
| forgive a split | \`GET /api/v1/splits/{id}\`, which says what will happen to whom |

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
| \`dropped\` | how many \`events\` a process has left out, since they were too many; mail never waits for them |
| \`gap\` | how many events are \`lost\`, at least: they happened while you were away, and are not kept any more |
| \`reset\` | the id that you came back with is not of this run of \`serve\`: read anew what you show |

A reader that comes back sends the last \`id\` as \`Last-Event-ID\`, and reads on behind it.
Rcptwise keeps the latest events up to \`admin.events_kept\` (8 MiB), and for one minute after the last reader has gone.
A stream ends after 10 minutes, and its reader comes back.
When nothing happens, a comment (\`:\`) comes each 15 seconds.
At most 32 streams are read at a time; one more gets 503.
The stream of a reader that does not read for a minute is cut off.
While nobody reads what comes with the mail (\`transactionEnded\`, \`splitOpened\`, \`splitClosed\`, \`senderLearned\`), workers tell nothing of it and it costs nothing.
All else is seldom and told anyhow: \`GET /api/v1/happened\` has the latest of it for who comes when it is over.

A process tells 25 messages a second at most of those that went as usual, and 50 of others: no people read more.
What is left out counts as \`dropped\`, and \`totals\` have all of it.
Ten readers of all events cost a front-end 6 % more processor time a message, at 2,900 messages a second.
That was measured before this version of the events; \`node bench/watched.ts --by events\` measures it anew.
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

const needed: Readonly<Record<Operation['access'], string>> = {
  open: ' No token.',
  anyone: ' No token.',
  read: '',
  operate: ' With `role: operate`.',
}

function section(operation: Operation): string {
  const { method, path, access, summary, statuses } = operation
  const inputs = [
    ...rows(operation.params, 'path'),
    ...rows(operation.query, 'query'),
    ...rows(operation.body, 'body'),
  ]
  const table = ['| name | in | needed | meaning |', '|---|---|---|---|', ...inputs].join('\n')
  const answers = Object.entries(statuses).map(([status, when]) => `- \`${status}\`: ${when}`)
  return [
    `## ${method} ${path}`,
    sentenceALine(`${summary}${needed[access]}`),
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
