/** What a page points to exists: pages, headings in them, files and folders of the project. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documents } from './pages.ts'

const root = join(import.meta.dirname, '..', '..')
const decisions = readdirSync(join(root, 'docs/decisions'), { encoding: 'utf8' }).map((name) =>
  join('docs/decisions', name),
)
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')
const withoutCode = (text: string): string => text.replaceAll(/^( *)```[\s\S]*?^ *```$/gm, '')

/** As GitHub makes them. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

function anchorsOf(page: string): string[] {
  const text = withoutCode(textOf(page))
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))
  const ids = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  return [...headings, ...ids]
}

describe.each([...documents, 'CHANGELOG.md', ...decisions])('%s', (page) => {
  const links = [...withoutCode(textOf(page)).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(
    ([, link = '']) => link,
  )

  test('links lead somewhere', () => {
    const dead = links.filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? page : join(dirname(page), file)
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    expect(dead).toEqual([])
  })
})

describe.each(documents)('%s', (page) => {
  test('files and folders that it names exist', () => {
    const named = [
      ...textOf(page).matchAll(/`((?:src|test|tools|docs|deploy|grafana|bench)\/[\w./-]*)`/g),
    ].map(([, path = '']) => path)
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})
