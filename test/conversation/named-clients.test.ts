/**
 * The class of a client whose name is looked up before the greeting. The name of 127.0.0.1 is known
 * without a question.
 */
import { expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

test.each([
  ['the greeting comes at once', '0s'],
  ['the greeting waits', '20ms'],
])('by the name of the client, where %s', async (_, delay) => {
  const config = `
greet_delay: ${delay}
peers:
  - { name: ours, match: { rdns: [localhost] }, strategy: lenient, limits: { sessions: 1 } }
`
  await using app = await startTestApp({ config })
  const first = await Client.connect(app.port)
  expect(await first.reply()).toEqual(['220 mx.test ESMTP Rcptwise'])
  const second = await Client.connect(app.port)
  expect((await second.reply()).join()).toMatch(/^421 4\.7\.0 /)
  expect(app.facts).toContainEqual(
    expect.objectContaining({ kind: 'connectionRefused', limit: 'sessions_of_class' }),
  )
  await first.ask('EHLO x')
  await first.ask('MAIL FROM:<s@example.net>')
  await first.ask('QUIT')
  expect(app.transactions()).toMatchObject([{ client: { rdns: 'localhost' }, peer: 'ours' }])
  first.close()
  second.close()
})
