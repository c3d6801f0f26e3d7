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
