/** Short words for sessions over a real socket. */
import type { FakeBackend } from './fake-backend.ts'
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts'
import { Client } from './dialogue.ts'

/** Connected, greeted, and EHLO said. */
export async function open(port: number): Promise<Client> {
  const client = await Client.connect(port)
  await client.reply()
  await client.ask('EHLO client.test')
  return client
}

/** Sends all of it in one write, and gives as many replies. */
export async function pipeline(client: Client, ...commands: readonly string[]): Promise<string[]> {
  client.send(commands.map((command) => `${command}\r\n`).join(''))
  const replies: string[] = []
  while (replies.length < commands.length) replies.push((await client.reply()).join('\n'))
  return replies
}

/** Every line until the server closes. */
export async function untilEnd(client: Client): Promise<string[]> {
  const lines: string[] = []
  for (let line = await client.line(); line !== undefined; line = await client.line())
    lines.push(line)
  return lines
}

export const behind = (backend: FakeBackend): string =>
  `backend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]\n`

/** The product; a test that fails with clients still connected does not wait for them. */
export async function start(options: TestAppOptions = {}): Promise<TestApp> {
  const config = options.config ?? ''
  const limited = config.includes('timeouts:') ? config : `${config}\ntimeouts: { shutdown: 100ms }`
  return await startTestApp({ ...options, config: limited })
}
