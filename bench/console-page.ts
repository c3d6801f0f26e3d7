/**
 * Whether the page stays smooth while mail runs: Chromium shows the view "now" of a `serve` that
 * takes so many messages a second, and tells how late its frames are and how long it is at work in
 * one piece. First with no mail, for comparison.
 *
 *   node bench/console-page.ts [MESSAGES A SECOND] [SECONDS]
 *
 * Browser, Rcptwise, sender and the server behind share the machine: on two cores they take from one
 * another what a colleague's own computer has for itself. So the page's own tasks are what tells.
 */
import type { Page } from 'playwright-core'
import { openBrowser } from '../test/support/console/browser.ts'
import { letterOf, offer, Scene } from '../test/support/console/scene.ts'

const [rate = 500, seconds = 20] = process.argv.slice(2).map(Number)

/** Of a page, over some seconds. */
interface Smoothness {
  /** ms from one frame to the next. */
  readonly frames: readonly number[]
  /** ms of each piece of work that took 50 ms or more. */
  readonly longTasks: readonly number[]
  /** ms that scripts, styles and layouts took in all. */
  readonly work: number
}

async function watch(page: Page, ms: number): Promise<Smoothness> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const workSoFar = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000
  }
  const before = await workSoFar()
  // Text, since what the page's own globals are is not known to the types of this program.
  const seen: unknown = await page.evaluate(`new Promise((resolve) => {
    const [frames, longTasks] = [[], []]
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTasks.push(duration)
    })
    observer.observe({ type: 'longtask' })
    let last = performance.now()
    const until = last + ${ms}
    const frame = (now) => {
      frames.push(now - last)
      last = now
      if (now < until) return requestAnimationFrame(frame)
      observer.disconnect()
      resolve({ frames, longTasks })
    }
    requestAnimationFrame(frame)
  })`)
  return { ...(seen as Omit<Smoothness, 'work'>), work: (await workSoFar()) - before }
}

/** Messages over 16 senders at this rate, until it is told to end; gives how many were taken. */
async function mail(port: number, ended: AbortSignal): Promise<number> {
  let [count, due] = [0, performance.now()]
  const send = async (i: number): Promise<void> => {
    while (!ended.aborted) {
      const wait = due - performance.now()
      due += 1000 / rate
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      await offer(port, letterOf(i, { to: ['eve@example.org'], score: 0.1 }))
      count += 1
    }
  }
  await Promise.all(Array.from({ length: 32 }, async (_, i) => await send(i)))
  return count
}

function tell(what: string, { frames, longTasks, work }: Smoothness): void {
  const sorted = frames.toSorted((a, b) => a - b)
  const at = (part: number): string =>
    (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(0)
  const longest = Math.max(0, ...longTasks).toFixed(0)
  console.log(
    `${what}: a frame every ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms at most; ` +
      `${longTasks.length} tasks of 50 ms or more, the longest ${longest} ms; ` +
      `${((work / (seconds * 1000)) * 100).toFixed(1)} % of the time at work`,
  )
}

await using scene = await Scene.begin()
const browser = await openBrowser()
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } })
  await page.goto(`${scene.adminUrl}/#/now`)
  await page.locator('.status[data-state=live]').waitFor()
  tell('no mail', await watch(page, seconds * 1000))
  const end = new AbortController()
  const sent = mail(scene.port, end.signal)
  await page.waitForTimeout(5000)
  const smoothness = await watch(page, seconds * 1000)
  end.abort()
  tell(`${((await sent) / (seconds + 5)).toFixed(0)} messages a second`, smoothness)
} finally {
  await browser.close()
}
