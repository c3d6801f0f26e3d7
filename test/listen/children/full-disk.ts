/** Spools more than the small file system at DIRECTORY can hold, and tells what it was like. */
import { readdir } from 'node:fs/promises'
import { Spool } from '../../../src/listen/spool.ts'

const directory = process.argv[2] ?? ''
const spool = new Spool({ memoryBytes: 10_000, directory })
for (let i = 0; i < 64; i++) {
  const drained = new Promise<void>((resolve) => {
    spool.onDrain = resolve
  })
  if (!spool.append(Buffer.alloc(50_000, i))) await drained
}
await spool.complete()
let read = 0
try {
  for await (const chunk of spool.chunks()) read += chunk.length
} catch {
  read = -1
}
const { failed, why } = spool
spool.close()
console.log(JSON.stringify({ failed, why, read, left: await readdir(directory) }))
