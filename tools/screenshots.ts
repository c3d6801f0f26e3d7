/**
 * Makes the pictures of the console for README and docs/console.md, from a real `serve` with mail:
 *
 *   node tools/screenshots.ts
 *
 * Wants Debian's Chromium, which it fetches when it is missing (test/support/lab).
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Browser } from 'playwright-core'
import { openBrowser } from '../test/support/console/browser.ts'
import { startFakeBackend } from '../test/support/fake-backend.ts'
import { startScanner } from '../test/support/console/scanner.ts'
import { aBusyMorning, Scene } from '../test/support/console/scene.ts'

const folder = path.join(import.meta.dirname, '..', 'docs', 'images')

interface Picture {
  readonly name: string
  readonly hash: string
  readonly scheme?: 'dark'
  readonly width?: number
  readonly height: number
  /** Clicked before the picture is taken. */
  readonly click?: string
}

const pictures: readonly Picture[] = [
  { name: 'console-now', hash: 'now', height: 640 },
  { name: 'console-senders', hash: 'senders?peer=partners', height: 760 },
  { name: 'console-splits', hash: 'splits', height: 640, scheme: 'dark', click: 'tbody th a' },
  { name: 'console-history', hash: 'history?address=cho@example.org', height: 800 },
  { name: 'console-delays', hash: 'delays?span=60', height: 560 },
]

async function take(browser: Browser, url: string, picture: Picture): Promise<void> {
  const { name, hash, scheme = 'light', width = 1200, height, click } = picture
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height } })
  const page = await context.newPage()
  await page.goto(`${url}/#/${hash}`)
  await page.locator('.status[data-state=live]').waitFor()
  if (click !== undefined) await page.locator(click).first().click()
  await page.waitForTimeout(2500)
  await page.screenshot({ path: path.join(folder, `${name}.png`) })
  await context.close()
  console.log(`${name}.png`)
}

/** Long enough for minutes to be seen in the lines. */
const minutes = Number(process.argv[2] ?? 8)

await mkdir(folder, { recursive: true })
await using scanner = await startScanner()
// In place of a folder of this machine, which the pictures would show.
await using backend = await startFakeBackend()
await using scene = await Scene.begin({ scanner, servers: [`"${backend.url}"`] })
const until = Date.now() + minutes * 60_000
while (Date.now() < until) {
  await aBusyMorning(scene.port, 10 + Math.round(20 * Math.random()))
  await new Promise((resolve) => setTimeout(resolve, 4000))
}
const browser = await openBrowser(console.log)
try {
  for (const picture of pictures) await take(browser, scene.adminUrl, picture)
} finally {
  await browser.close()
}
