/**
 * Assembles src/smtp/plain-lines.wat into src/smtp/plain-lines-code.ts: `node tools/wasm.ts`.
 * test/smtp/plain-lines.test.ts fails while they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import wabt from 'wabt'

const folder = path.join(import.meta.dirname, '..', 'src', 'smtp')
const source = path.join(folder, 'plain-lines.wat')
export const target = path.join(folder, 'plain-lines-code.ts')

/** The TypeScript file that the source makes. */
export async function assembled(): Promise<string> {
  const tools = await wabt()
  const module = tools.parseWat(source, readFileSync(source, 'utf8'), { simd: true })
  const { buffer } = module.toBinary({})
  module.destroy()
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(/.{1,90}/g) ?? []
  return `/** Made from plain-lines.wat by \`node tools/wasm.ts\`. */
export const code = Buffer.from(
  [
${lines.map((line) => `    '${line}',`).join('\n')}
  ].join(''),
  'base64',
)
`
}

if (import.meta.main) writeFileSync(target, await assembled())
