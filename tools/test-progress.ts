/**
 * How far a run of the tests is, project by project (vitest.config.ts): a line now and then, and
 * one when a project is through.
 */
interface Counts {
  /** Files that have ended, of so many. */
  files: number
  readonly of: number
  passed: number
  failed: number
  /** When its first test or file ended. */
  since: number | undefined
}

/** Between two lines of a project. */
const everyMs = 20_000

export class TestProgress {
  readonly #say: (line: string) => void
  readonly #now: () => number
  readonly #projects = new Map<string, Counts>()
  #told: number

  constructor(say: (line: string) => void, now: () => number = () => performance.now()) {
    this.#say = say
    this.#now = now
    this.#told = now()
  }

  /** The project of each file that is going to be run. */
  expect(projectsOfFiles: readonly string[]): void {
    for (const name of projectsOfFiles)
      this.#projects.set(name, { ...empty, of: (this.#projects.get(name)?.of ?? 0) + 1 })
    const all = [...this.#projects].map(([name, { of }]) => `${name} ${files(of)}`)
    if (all.length > 0) this.#say(`== to run: ${all.join(', ')}`)
  }

  testEnded(project: string, state: string): void {
    const counts = this.#of(project)
    if (state === 'passed') counts.passed++
    else if (state === 'failed') counts.failed++
    this.#tellNowAndThen(project, counts)
  }

  fileEnded(project: string): void {
    const counts = this.#of(project)
    counts.files++
    if (counts.files === counts.of) this.#tell(project, counts, ': through')
    else this.#tellNowAndThen(project, counts)
  }

  #of(project: string): Counts {
    const counts = this.#projects.get(project) ?? { ...empty }
    this.#projects.set(project, counts)
    counts.since ??= this.#now()
    return counts
  }

  #tellNowAndThen(project: string, counts: Counts): void {
    if (this.#now() - this.#told >= everyMs) this.#tell(project, counts, '')
  }

  #tell(project: string, counts: Counts, what: string): void {
    const now = this.#now()
    this.#told = now
    const seconds = Math.round((now - (counts.since ?? now)) / 1000)
    this.#say(
      `== ${project}${what}: ${counts.files} of ${files(counts.of)}, ${counts.passed} passed, ${counts.failed} failed, ${seconds} s`,
    )
  }
}

const empty: Counts = { files: 0, of: 0, passed: 0, failed: 0, since: undefined }
const files = (count: number): string => (count === 1 ? '1 file' : `${count} files`)
