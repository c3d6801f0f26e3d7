/**
 * The console in a real Chromium, in front of a real `serve` with two workers: what an
 * administrator on duty does with it.
 */
import { createServer, request, type Server } from 'node:http'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser } from '../../support/console/browser.ts'
import { aBusyMorning, letterOf, offer, Scene } from '../../support/console/scene.ts'
import { type Scanner, startScanner } from '../../support/console/scanner.ts'
import { until } from '../../support/lab/until.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const views = [
  'now',
  'senders',
  'splits',
  'history?address=cho@example.org',
  'delays',
  'audit',
  'configuration',
]

let browser: Browser
let scanner: Scanner
let scene: Scene

beforeAll(async () => {
  browser = await openBrowser()
  scanner = await startScanner()
  scene = await Scene.begin({ scanner })
  await aBusyMorning(scene.port, 24)
})
afterAll(async () => {
  await browser.close()
  await scene[Symbol.asyncDispose]()
  await scanner[Symbol.asyncDispose]()
})

/** Fails with what the page has logged, such as what its Content-Security-Policy has refused. */
async function onPage(
  hash: string,
  look: (page: Page) => Promise<void>,
  { url = scene.adminUrl, ...options }: BrowserContextOptions & { readonly url?: string } = {},
): Promise<void> {
  const context = await browser.newContext(options)
  try {
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => {
      // What can't be reached, or is not there, is told by the browser itself.
      if (message.type() === 'error' && !/net::ERR_|status of 404/.test(message.text()))
        errors.push(message.text())
    })
    await page.goto(`${url}/#/${hash}`)
    await page.locator('main .view').waitFor()
    await look(page)
    expect(errors).toEqual([])
  } finally {
    await context.close()
  }
}

/** The strategies that transactions in each worker were served with; the log comes a moment later. */
async function strategiesOf(address: string, rdns: string): Promise<Map<unknown, unknown>> {
  const sent = new Set<unknown>()
  const seen = new Map<unknown, unknown>()
  await until(
    'both workers took a message',
    async () => {
      const { letter } = letterOf(0, { address, rdns })
      sent.add(letter.messageId)
      await offer(scene.port, { letter, fates: new Map() })
      for (const line of scene.served.events('transactionEnded'))
        if (sent.has(line['messageId'])) seen.set(line['pid'], line['strategy'])
      return seen.size >= 2
    },
    { explain: () => scene.served.output.slice(-3000) },
  )
  return seen
}

test('a class is switched in the page, and the next transaction in each worker follows it', async () => {
  await onPage('senders', async (page) => {
    await page.getByRole('link', { name: 'partners' }).click()
    await page.getByRole('radio', { name: 'off' }).check()
    await page.getByLabel('For how long').selectOption('1h')
    await page.getByRole('button', { name: 'Serve partners with off' }).click()
    await page.getByText('partners is served with off').waitFor()
    expect([...(await strategiesOf('198.51.100.9', 'mx.example.net')).values()]).toEqual([
      'off',
      'off',
    ])
    await page.getByRole('button', { name: 'Back to late, as configured …' }).click()
    const asked = page.getByRole('dialog')
    await asked.getByLabel('Reason, for the audit log').fill('they have mended it')
    await asked.getByRole('button', { name: 'Back to late' }).click()
    await page.getByText('partners is served as configured').waitFor()
  })
})

test('what splitting costs a sender is shown, and a sender is pinned for an hour, with a reason', async () => {
  const network = '203.0.113.0/24'
  const api = `${scene.adminUrl}/api/v1/senders/${encodeURIComponent(network)}`
  await fetch(`${api}/strategy`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ strategy: 'late' }),
  })
  await onPage('senders?sort=-retries', async (page) => {
    const table = page.getByRole('table', { name: 'Senders' })
    const bars = table.getByRole('img', { name: /the last .*retr(y|ies) came after/ })
    await bars.first().waitFor()
    expect(await table.locator('th[aria-sort=descending]').textContent()).toBe('Forced retries')
    await table.getByRole('link', { name: network }).click()
    await page.getByRole('radio', { name: 'off' }).check()
    await page.getByLabel('For how long').selectOption('1h')
    await page.getByLabel('Reason, for the audit log').fill('they complain')
    await page.getByRole('button', { name: 'Pin to off' }).click()
    await page.getByText(`${network} is pinned to off`).waitFor()
    await page.locator('.aside dd', { hasText: /59m .* more/ }).waitFor()
    await page.getByRole('radio', { name: 'auto' }).check()
    expect(await page.getByLabel('For how long').isDisabled()).toBe(true)
    const { pin } = (await (await fetch(api)).json()) as { pin: { at: string; until: string } }
    expect(Date.parse(pin.until) - Date.parse(pin.at)).toBeCloseTo(3_600_000, -4)
  })
  const { entries } = (await (await fetch(`${scene.adminUrl}/api/v1/audit`)).json()) as {
    entries: object[]
  }
  expect(entries[0]).toMatchObject({ of: network, to: 'off', reason: 'they complain' })
})

test('the audit view has each change with its reason, and what is sorted and searched is in the address', async () => {
  await onPage('senders?peer=newsletters', async (page) => {
    for (const [strategy, reason] of [
      ['off', 'they asked for it'],
      ['lenient', 'it was a mistake'],
    ] as const) {
      await page.getByRole('radio', { name: strategy }).check()
      await page.getByLabel('Reason, for the audit log').fill(reason)
      await page.getByRole('button', { name: `Serve newsletters with ${strategy}` }).click()
      await page.getByText(`newsletters is served with ${strategy}`).waitFor()
    }
    await page.keyboard.press('Escape')
    await page.goto(`${scene.adminUrl}/#/audit`)
    const rows = page.getByRole('table', { name: 'Changes' }).locator('tbody tr')
    await rows.filter({ hasText: 'they asked for it' }).first().waitFor()
    expect(await rows.first().textContent()).toContain('it was a mistake')
    await page.getByRole('button', { name: 'When' }).click()
    await page.waitForURL(/sort=at/)
    await page.getByRole('searchbox').fill('they asked')
    await page.waitForURL(/q=they/)
    expect(await rows.count()).toBe(1)
    await page.reload()
    await rows.first().waitFor()
    expect(await rows.count()).toBe(1)
    await rows.getByRole('link', { name: 'newsletters' }).click()
    await page.waitForURL(/#\/senders\?peer=newsletters/)
  })
})

test('the configuration is there key by key, with where each value comes from', async () => {
  await onPage('configuration?q=retry_hint', async (page) => {
    const rows = page.getByRole('table', { name: 'Values in force' }).locator('tbody tr')
    await rows.first().waitFor()
    const text = (await rows.allTextContents()).join('\n')
    expect(text).toMatch(/peers\[0\]\.retry_hint.*30s.*config\.yaml:\d+/)
    expect(text).toMatch(/peers\[1\]\.retry_hint.*default/)
    await page.getByRole('checkbox', { name: 'only what is not the default' }).check()
    await page.waitForURL(/changed=yes/)
    expect(await rows.count()).toBe(2)
  })
})

test('before a message is forgiven, the page says what becomes of each recipient', async () => {
  await onPage('splits', async (page) => {
    await page.locator('tbody th a').first().click()
    await page.getByRole('button', { name: 'Forgive …' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    expect(await dialog.locator('.fates li').count()).toBeGreaterThan(1)
    await page.keyboard.press('Escape')
    expect(await page.getByRole('dialog').count()).toBe(0)
    await page.getByRole('button', { name: 'Forgive …' }).click()
    await page.getByRole('dialog').getByLabel('Reason, for the audit log').fill('they called us')
    await page.getByRole('dialog').getByRole('button', { name: 'Forgive' }).click()
    await page.getByText('is forgiven').first().waitFor()
    const answer = await fetch(`${scene.adminUrl}/api/v1/audit`)
    const { entries } = (await answer.json()) as { entries: { change: string; reason?: string }[] }
    expect(entries[0]).toMatchObject({ change: 'splitForgiven', reason: 'they called us' })
    const reasons = entries.map(({ change, reason = '' }) => `${change}: ${reason}`)
    expect(reasons).toContain('strategyChanged: they have mended it')
  })
})

test('who has a token comes in with it, may do what its role allows, and goes again', async () => {
  const tokens = [
    { name: 'watch', role: 'read', token: 'watch-0123456789abcdef' },
    { name: 'duty', role: 'operate', token: 'duty-0123456789abcdef' },
  ] as const
  await using guarded = await Scene.begin({ tokens, workers: 1 })
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${guarded.adminUrl}/#/senders`)
  const comeIn = async (token: string): Promise<void> => {
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Log in' }).click()
  }
  await comeIn('nobody-0123456789abcdef')
  await page.getByRole('alert').filter({ hasText: /token/i }).waitFor()
  await comeIn('watch-0123456789abcdef')
  await page.getByRole('link', { name: 'partners' }).click()
  await page.getByText('Your token may read, and change nothing.').waitFor()
  expect(await page.getByRole('radio').count()).toBe(0)
  await page.reload()
  await page.getByRole('link', { name: 'partners' }).waitFor()
  await page.getByRole('button', { name: 'Log out' }).click()
  await comeIn('duty-0123456789abcdef')
  await page.getByRole('link', { name: 'partners' }).click()
  await page.getByRole('radio', { name: 'off' }).check()
  await page.getByRole('button', { name: 'Serve partners with off' }).click()
  await page.getByText('partners is served with off').waitFor()
  const [cookie] = await context.cookies(`${guarded.adminUrl}/api/v1/session`)
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' })
  expect(await page.evaluate<string>('document.cookie')).toBe('')
  await context.close()
})

test('what strangers wrote is text', async () => {
  await onPage('splits?q=script', async (page) => {
    await page.getByText('"<script>alert(1)</script>"@forum.example.net').first().waitFor()
    await page.locator('tbody th a').first().click()
    await page.locator('.aside h3').waitFor()
    const text = (await page.locator('.aside').textContent()) ?? ''
    expect(text).toContain('\\u202e')
    expect(text).not.toContain('\u202e')
  })
})

test('the whole way to a split is there for who has a keyboard alone', async () => {
  await onPage('now', async (page) => {
    await page.keyboard.press('s')
    await page.locator('tbody th a').first().waitFor()
    await page.locator('tbody th a').first().focus()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.locator('.aside h3').waitFor()
    expect(await page.evaluate<string>('document.activeElement.className')).toBe('aside')
    await page.keyboard.press('Escape')
    expect(await page.locator('.aside h3').count()).toBe(0)
    await page.keyboard.press('/')
    await page.keyboard.type('maria')
    await page.waitForURL(/q=maria/)
    await page.keyboard.press('Tab')
    await page.locator('button.sort', { hasText: 'Waiting' }).focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('th[aria-sort=descending]').textContent()).toBe('Waiting')
    await page.locator('main').focus()
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
  })
})

test.for(['light', 'dark'] as const)(
  'axe finds nothing serious in the %s views',
  async (scheme) => {
    for (const view of views)
      await onPage(
        view,
        async (page) => {
          await page.waitForTimeout(1500)
          // By the debugger: the page's own policy lets no such script in.
          await page.evaluate(axe)
          const found = await page.evaluate(async () => {
            const { axe: checker } = globalThis as unknown as {
              axe: {
                run: () => Promise<{
                  violations: { id: string; impact: string; nodes: { html: string }[] }[]
                }>
              }
            }
            const { violations } = await checker.run()
            return violations
              .filter(({ impact }) => impact === 'serious' || impact === 'critical')
              .map(
                ({ id, nodes }) =>
                  `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`,
              )
          })
          expect(found, view).toEqual([])
        },
        { colorScheme: scheme, bypassCSP: true },
      )
  },
)

test('who opens a split sees it, and on a wide screen what stands above the list, too', async () => {
  const open = async (page: Page): Promise<void> => {
    await page.locator('tbody th a').nth(1).click()
    await page.locator('aside .aside-head h3').waitFor()
  }
  const size = { height: 400 }
  await onPage(
    'splits',
    async (page) => {
      await open(page)
      expect(await page.evaluate('scrollY')).toBe(0)
    },
    { viewport: { ...size, width: 1200 } },
  )
  await onPage(
    'splits',
    async (page) => {
      await page.evaluate('scrollTo(0, document.body.scrollHeight)')
      await open(page)
      const heading = page.locator('aside .aside-head h3')
      const { y = -1 } = (await heading.boundingBox()) ?? {}
      expect(y).toBeGreaterThan(0)
      expect(y).toBeLessThan(size.height)
    },
    { viewport: { ...size, width: 800 } },
  )
})

test('no view is wider than a screen of 360 pixels', async () => {
  for (const view of [...views, 'splits?id=none'])
    await onPage(
      view,
      async (page) => {
        await page.waitForTimeout(1000)
        const width = await page.evaluate<number>('document.documentElement.scrollWidth')
        expect(width, view).toBeLessThanOrEqual(360)
      },
      { viewport: { width: 360, height: 740 } },
    )
})

test('the page survives a restart of serve: it keeps what it shows, says so, and goes on', async () => {
  await onPage('splits', async (page) => {
    const rows = page.locator('tbody tr')
    await rows.first().waitFor()
    const before = await rows.count()
    await scene.restart(async () => {
      await page.locator('.status[data-state=away]').waitFor()
      expect(await rows.count()).toBe(before)
      expect(await page.locator('.status').textContent()).toMatch(/^reconnecting, as of /)
    })
    await page.locator('.status[data-state=live]').waitFor()
    expect(await rows.count()).toBe(before)
    await page.reload()
    await rows.first().waitFor()
    expect(await rows.count()).toBe(before)
  })
})

test('what happened before the page was opened is on it, and still there when it is loaded anew', async () => {
  const [worker] = (await strategiesOf('192.0.2.77', 'mx.example.com')).keys()
  process.kill(Number(worker), 'SIGKILL')
  await until('the worker is lost', () => scene.served.events('workerLost').length > 0)
  await onPage('now', async (page) => {
    const lost = page.getByRole('listitem').filter({ hasText: 'Worker lost' })
    await lost.waitFor()
    expect(await lost.count()).toBe(1)
    await page.reload()
    await lost.waitFor()
    expect(await lost.count()).toBe(1)
  })
})

test('it says which front-end it is, and works behind a path prefix', async () => {
  const proxy = await prefixProxy(new URL(scene.adminUrl))
  const { port } = proxy.address() as AddressInfo
  try {
    await onPage(
      'senders',
      async (page) => {
        await page.getByText('mx1.example.org').waitFor()
        await page.getByRole('link', { name: 'partners' }).click()
        await page.getByRole('radio', { name: 'lenient' }).check()
        await page.getByRole('button', { name: 'Serve partners with lenient' }).click()
        await page.getByText('partners is served with lenient').waitFor()
      },
      { url: `http://127.0.0.1:${port}/rcptwise` },
    )
  } finally {
    proxy.closeAllConnections()
    proxy.close()
  }
})

/** As reverse proxies do it: the prefix is taken away, and the host is the one that was asked. */
async function prefixProxy(to: URL): Promise<Server> {
  const server = createServer((message, response) => {
    const { method = 'GET', url = '', headers } = message
    if (!url.startsWith('/rcptwise/')) {
      response.writeHead(404).end()
      return
    }
    const path = url.slice('/rcptwise'.length)
    const onward = request(
      { host: to.hostname, port: to.port, method, path, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    onward.on('error', () => response.destroy())
    message.pipe(onward)
    response.on('close', () => onward.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
