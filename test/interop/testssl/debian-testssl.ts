/**
 * testssl.sh of Debian, unchanged, run where it was unpacked: the shell is the host's, OpenSSL,
 * hexdump and ps are those of the package set. It gets a `dig` that finds nothing, so that it can't
 * ask anyone outside.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { packageRoot } from '../../support/lab/packages.ts'
import { run } from '../../support/lab/run.ts'

export interface Finding {
  readonly id: string
  /** OK, INFO, WARN, LOW, MEDIUM, HIGH, CRITICAL, FATAL or DEBUG. */
  readonly severity: string
  readonly finding: string
}

export interface Examination {
  readonly findings: readonly Finding[]
  /** What it said, for the message of a test that fails. */
  readonly transcript: string
}

/**
 * Examines the server on a port of 127.0.0.1; `options` choose what is looked at. Rejects when it
 * does not end in `limitMs`.
 */
export async function examine(
  port: number,
  options: readonly string[],
  limitMs: number,
): Promise<Examination> {
  const root = await packageRoot('testssl')
  const work = await mkdtemp(path.join(tmpdir(), 'rcptwise-testssl-'))
  try {
    const bin = path.join(work, 'bin')
    await mkdir(bin)
    await script(bin, 'dig', 'exit 1')
    const loader = await loaderOf(root)
    for (const program of ['openssl', 'hexdump', 'ps'])
      await script(bin, program, `exec ${loader} ${root}/usr/bin/${program} "$@"`)
    const report = path.join(work, 'report.json')
    const quiet = ['--quiet', '--color', '0', '--warnings', 'batch', '--jsonfile', report]
    const local = ['--ip', '127.0.0.1', '--nodns', 'none']
    const target = `localhost:${port}`
    const args = [...local, ...quiet, '--openssl', path.join(bin, 'openssl'), ...options, target]
    const ran = await run(path.join(root, 'usr/bin/testssl'), args, {
      limitMs,
      env: {
        PATH: `${bin}:/usr/bin:/bin`,
        HOME: work,
        TMPDIR: work,
        TERM: 'dumb',
        TESTSSL_INSTALL_DIR: path.join(root, 'etc/testssl'),
        // Seconds that it waits for an answer; its own limits are 10 and less.
        MAX_WAITSOCK: '60',
        STARTTLS_SLEEP: '60',
        CCS_MAX_WAITSOCK: '30',
        HEARTBLEED_MAX_WAITSOCK: '30',
      },
    })
    const findings = JSON.parse(await readFile(report, 'utf8').catch(() => '[]')) as Finding[]
    return { findings, transcript: ran.transcript }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function script(directory: string, name: string, text: string): Promise<void> {
  const file = path.join(directory, name)
  await writeFile(file, `#!/bin/sh\n${text}\n`)
  await chmod(file, 0o755)
}

/** The root's own dynamic loader with its own libraries: the host's may be older or newer. */
async function loaderOf(root: string): Promise<string> {
  const lib = path.join(root, 'usr/lib')
  for (const name of (await readdir(lib)).filter((each) => each.endsWith('-linux-gnu'))) {
    const libraries = path.join(lib, name)
    const loader = (await readdir(libraries)).find((file) => /^ld-linux.*\.so\.\d$/.test(file))
    if (loader !== undefined) return `${path.join(libraries, loader)} --library-path ${libraries}`
  }
  throw new Error(`${lib} holds no ld-linux.so: delete ${root}, it is made anew`)
}
