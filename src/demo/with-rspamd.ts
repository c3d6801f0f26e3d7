/** The second part of the demonstration: a real rspamd finds the score, if one is installed. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fact } from '../facts/fact.ts'
import { sendByPrdr } from './client.ts'
import { findRspamd, startInstalledRspamd } from './installed-rspamd.ts'
import { message, outcome, recipients, startScene } from './scene.ts'
import { paint } from '../log/colours.ts'
import { print, say, title } from './telling.ts'

export async function showRspamd(parent: string): Promise<void> {
  title('4. With rspamd as the judge')
  const program = await findRspamd()
  if (program === undefined) {
    print('No rspamd is installed here, so this part is left out (apt install rspamd).')
    return
  }
  const directory = join(parent, 'rspamd')
  await mkdir(directory)
  try {
    await using rspamd = await startInstalledRspamd(program, directory)
    await show(directory, rspamd.url)
  } catch (error) {
    print(`${program} does not start here, so this part is left out: ${String(error)}`)
  }
}

async function show(directory: string, url: string): Promise<void> {
  print('Until now a field of the message told the score. Now rspamd finds it: a rule of this')
  print(
    'demonstration gives 9.5 points. rspamd alone would do the same for all three: mark it as spam',
  )
  print(
    'from 6 on, refuse it from 15 on. Rcptwise asks rspamd once, and compares the score with the',
  )
  print('limits of each recipient.')
  print()
  const facts: Fact[] = []
  const app = await startScene(directory, {
    more: `judges: [{ rspamd: { url: "${url}" } }]\n`,
    onFact: (fact) => facts.push(fact),
  })
  try {
    const fates = await sendByPrdr(
      app.addresses[0]?.port ?? 0,
      message('offer three'),
      recipients,
      say,
    )
    await outcome(directory, 'offer three', fates)
    tellScan(facts)
  } finally {
    await app.close()
  }
}

function tellScan(facts: readonly Fact[]): void {
  const scans = facts.filter(({ kind }) => kind === 'judged').length
  const told = facts.find((fact) => fact.kind === 'transactionEnded')
  print()
  print(
    paint(
      'bold',
      `  rspamd was asked ${scans === 1 ? 'once' : `${scans} times`}: ${told?.score ?? 'no'} points, by ${told?.symbols?.join(', ') ?? 'nothing'}.`,
    ),
  )
}
