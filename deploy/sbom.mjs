/**
 * What is in the product, as CycloneDX JSON on standard output:
 *
 *   node sbom.mjs DIRECTORY [NODE]
 *
 * DIRECTORY has package.json and package-lock.json; NODE is a node that is packed with them. It
 * comes from `npm sbom`, without what differs from run to run: the same sources give the same
 * octets. $SOURCE_DATE_EPOCH is its time.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [directory, node] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('usage: node sbom.mjs DIRECTORY [NODE]\n')
  process.exit(2)
}
const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--package-lock-only']
const bom = JSON.parse(
  execFileSync('npm', args, { cwd: directory, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }),
)
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0)

delete bom.serialNumber
// npm takes the name of the directory.
const { name } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
bom.metadata.component.name = name
bom.metadata.component.type = 'application'
bom.metadata.timestamp = new Date(epoch * 1000).toISOString()
for (const tool of bom.metadata.tools ?? []) delete tool.version
if (node !== undefined) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)
  const purl = `pkg:generic/nodejs@${version}`
  bom.components.push({ 'bom-ref': purl, type: 'application', name: 'nodejs', version, purl })
}
const byRef = (a, b) => {
  const [one, other] = [a['bom-ref'] ?? a.ref, b['bom-ref'] ?? b.ref]
  return one < other ? -1 : one > other ? 1 : 0
}
bom.components.sort(byRef)
bom.dependencies?.sort(byRef)
process.stdout.write(`${JSON.stringify(bom, undefined, 2)}\n`)
