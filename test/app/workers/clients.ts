/** Several sessions at once, so that all workers have some, or nearly always. */
import type { Served } from '../../crash/serve.ts'
import { Client } from '../../support/dialogue.ts'
import { until } from '../../support/lab/until.ts'

/** What a log line says of the process that wrote it. */
export const pidsOf = (lines: readonly Record<string, unknown>[]): ReadonlySet<unknown> =>
  new Set(lines.map(({ pid }) => pid))

export const transactions = (served: Served): Record<string, unknown>[] =>
  served.events('transactionEnded')

/** Sessions that were all begun at once, and have said EHLO. */
export async function sessions(served: Served, count: number): Promise<readonly Client[]> {
  const clients = await Promise.all(
    Array.from({ length: count }, async () => await Client.connect(served.listeningPort)),
  )
  for (const client of clients) {
    await client.reply()
    await client.ask('EHLO client.test')
  }
  return clients
}

/** So many that each worker has one at least; which worker takes a session is chance. */
export async function sessionsOfAll(
  served: Served,
  { workers, count }: { readonly workers: number; readonly count: number },
): Promise<readonly Client[]> {
  const explain = (): string => served.output
  return await until(
    'each worker has a session',
    async () => {
      const clients = await sessions(served, count)
      const senders = await Promise.all(clients.map(introduce))
      const lines = (): Record<string, unknown>[] =>
        transactions(served).filter(({ from }) => senders.includes(String(from)))
      await until('each has its line', () => lines().length === count, { explain })
      if (pidsOf(lines()).size === workers) return clients
      for (const client of clients) client.close()
      return undefined
    },
    { explain },
  )
}

/** A transaction that is broken off at once; its sender. */
async function introduce(client: Client): Promise<string> {
  const sender = `${crypto.randomUUID()}@x.test`
  await client.ask(`MAIL FROM:<${sender}>`)
  await client.ask('RSET')
  return sender
}

export async function sendOn(client: Client, to: string): Promise<string> {
  await client.ask('MAIL FROM:<s@x.test>')
  await client.ask(`RCPT TO:<${to}>`)
  await client.ask('DATA')
  client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
  return (await client.reply()).join('\n')
}

/** Series of one metric as they are exported. */
async function series(
  served: Served,
  name: string,
): Promise<readonly { labels: string; value: number }[]> {
  const text = await (await fetch(`${served.adminUrl}/metrics`)).text()
  return [...text.matchAll(new RegExp(`^rcptwise_${name}(?:\\{(.*)\\})? (.*)$`, 'gm'))].map(
    ([, labels = '', value]) => ({ labels, value: Number(value) }),
  )
}

export const valuesOf = async (served: Served, name: string): Promise<readonly number[]> =>
  (await series(served, name)).map(({ value }) => value)

/** All series of a metric whose labels have this in them. */
export const sum = async (served: Served, name: string, having = ''): Promise<number> =>
  (await series(served, name))
    .filter(({ labels }) => labels.includes(having))
    .reduce((all, { value }) => all + value, 0)
