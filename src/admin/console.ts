/**
 * The console's files, as the browser gets them: read once, when somebody opens the console for the
 * first time, and kept compressed. They hold nothing that is secret, so no token is asked for.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { constants, gzipSync } from 'node:zlib'
import { firstModule, modulesFrom } from './console-modules.ts'
import { type AdminResponse, problem } from './exchange.ts'

export interface ConsoleRequest {
  readonly method: string
  /** The request target. */
  readonly url: string
  readonly acceptEncoding: string | undefined
  readonly ifNoneMatch: string | undefined
}

interface ConsoleFile {
  readonly type: string
  readonly etag: string
  readonly plain: Buffer
  readonly compressed: Buffer
}

/**
 * Nothing from elsewhere, nothing inline, no text that becomes markup, in no frame, and what the
 * page sends goes back to where it came from.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const headers = {
  'cache-control': 'no-cache',
  vary: 'accept-encoding',
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
}

/** Undefined: the console has nothing there, and the API is asked. */
export function consoleAnswer(request: ConsoleRequest): AdminResponse | undefined {
  const path = request.url.replace(/[?#].*$/s, '')
  if (path !== '/' && !path.startsWith('/assets/')) return undefined
  const file = consoleFiles().get(path)
  if (file === undefined) return nothingThere
  if (request.method !== 'GET' && request.method !== 'HEAD') return readOnly
  return answerWith(file, request)
}

const nothingThere = problem(404, 'the console has no such file', 'GET /')
const readOnly: AdminResponse = {
  ...problem(405, 'this method is not possible here', 'GET, HEAD'),
  headers: { allow: 'GET, HEAD' },
}

function answerWith(
  { type: contentType, etag, plain, compressed }: ConsoleFile,
  { acceptEncoding = '', ifNoneMatch = '' }: ConsoleRequest,
): AdminResponse {
  const known = { contentType, headers: { ...headers, etag } }
  if (ifNoneMatch.includes(etag)) return { ...known, status: 304, body: '' }
  if (!takesGzip(acceptEncoding)) return { ...known, status: 200, body: plain }
  const encoded = { ...known.headers, 'content-encoding': 'gzip' }
  return { ...known, headers: encoded, status: 200, body: compressed }
}

const takesGzip = (accepted: string): boolean =>
  accepted.split(',').some((each) => {
    const [coding = '', quality = ''] = each.split(';')
    return coding.trim() === 'gzip' && Number(quality.trim().replace('q=', '') || 1) > 0
  })

let files: ReadonlyMap<string, ConsoleFile> | undefined

const consoleFiles = (): ReadonlyMap<string, ConsoleFile> => (files ??= everyConsoleFile())

/** Every file of the console, by its path. @throws when one is missing. */
export function everyConsoleFile(): ReadonlyMap<string, ConsoleFile> {
  const modules = modulesFrom(firstModule)
  const preloads = [...modules.keys()]
    .map((name) => `<link rel="modulepreload" href="assets/${name}.js" />`)
    .join('\n    ')
  const page = own('console.html').toString('utf8').replace('<!-- modules -->', preloads)
  return new Map<string, ConsoleFile>([
    ['/', fileOf('.html', Buffer.from(page))],
    ...['console.css', 'icon.svg'].map(
      (name) => [`/assets/${name}`, fileOf(extname(name), own(name))] as const,
    ),
    ...(['uPlot.iife.min.js', 'uPlot.min.css'] as const).map(
      (name) => [`/assets/uplot/${name}`, fileOf(extname(name), library(name))] as const,
    ),
    ...[...modules].map(
      ([name, text]) => [`/assets/${name}.js`, fileOf('.js', Buffer.from(text))] as const,
    ),
  ])
}

/** `assets` stands one folder up from src and from dist. */
const own = (name: string): Buffer => readFileSync(new URL(`../../assets/${name}`, import.meta.url))

const library = (name: string): Buffer =>
  readFileSync(fileURLToPath(import.meta.resolve(`uplot/dist/${name}`)))

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

function fileOf(extension: string, plain: Buffer): ConsoleFile {
  const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 22)
  return {
    type: types[extension] ?? 'application/octet-stream',
    etag: `"${hash}"`,
    plain,
    compressed: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }),
  }
}
