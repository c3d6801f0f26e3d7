/** Debian's Chromium, driven by playwright-core; nothing is installed and nothing is downloaded. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { packageRoot, type Report } from '../lab/packages.ts'

/** Its libraries and fonts are those of the unpacked packages. */
export async function openBrowser(report?: Report): Promise<Browser> {
  const root = await packageRoot('chromium', report)
  return await chromium.launch({
    executablePath: path.join(root, 'usr/lib/chromium/chromium'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--force-color-profile=srgb',
    ],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: (await libraryFolders(path.join(root, 'usr/lib'))).join(':'),
      FONTCONFIG_FILE: await fontsOf(root),
    },
  })
}

/** Those of the architecture, and those below it, such as that of PulseAudio. */
async function libraryFolders(lib: string): Promise<string[]> {
  const folders = async (folder: string): Promise<string[]> =>
    (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(folder, entry.name))
  const own = (await folders(lib)).filter((folder) => folder.endsWith('-linux-gnu'))
  const below = await Promise.all(own.map(folders))
  return [...own, ...below.flat()]
}

async function fontsOf(root: string): Promise<string> {
  const folder = path.join(tmpdir(), 'rcptwise-fonts')
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, 'fonts.conf')
  const text = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${root}/usr/share/fonts</dir><cachedir>${folder}</cachedir>
<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias></fontconfig>
`
  await writeFile(file, text)
  return file
}
