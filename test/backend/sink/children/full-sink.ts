/**
 * Delivers messages into a sink on the small file system at DIRECTORY until it is full, and tells
 * what is there.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Sink } from '../../../../src/backend/sink/sink.ts'
import { delivered } from '../../delivered.ts'
import { wholeText } from '../../whole-text.ts'

const directory = process.argv[2] ?? ''
const sink = new Sink({
  directory,
  url: 'sink:',
  hostname: 'mx.test',
  onFact: () => undefined,
  now: () => 1000,
})
const codes: number[] = []
for (let i = 0; i < 20; i++) {
  const transaction = sink.begin('x.1', {
    mailReplied: () => undefined,
    recipientReplied: () => undefined,
  })
  const [result] = await delivered(
    transaction,
    {
      mail: '<s@x>',
      shown: [0],
      parcels: [{ recipients: [{ index: 0, argument: '<a@x>' }], edits: [], redirected: false }],
    },
    wholeText(Buffer.alloc(150_001, 'x')),
  )
  codes.push(result?.reply.code ?? 0)
}
const maildir = join(directory, 'a@x')
const names = await readdir(join(maildir, 'new'))
const sizes = await Promise.all(
  names.map(async (name) => (await stat(join(maildir, 'new', name))).size),
)
console.log(JSON.stringify({ codes, sizes, tmp: await readdir(join(maildir, 'tmp')) }))
