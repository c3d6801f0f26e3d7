/** What is measured as Rcptwise: the compiled program as it is shipped, or its source. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const repository = path.join(import.meta.dirname, '..')

export const sourceProgram = path.join(repository, 'src', 'cli', 'main.ts')

/** Compiles it anew. */
export function builtProgram(): string {
  const compiler = path.join(repository, 'node_modules', 'typescript', 'bin', 'tsc')
  const config = path.join(repository, 'tsconfig.build.json')
  const bundler = path.join(repository, 'tools', 'bundle.ts')
  for (const words of [[compiler, '-p', config], [bundler]]) {
    const { status } = spawnSync(process.execPath, words, { stdio: 'inherit' })
    if (status !== 0) throw new Error('npm run build failed; --source measures without it')
  }
  return path.join(repository, 'dist', 'cli', 'main.js')
}
