/** Dark or light: as the system says, unless the reader has said so here. */

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const name = 'rcptwise theme'

export function chosenTheme(): Theme {
  try {
    const kept = localStorage.getItem(name)
    return themes.find((theme) => theme === kept) ?? 'system'
  } catch {
    return 'system'
  }
}

export function useTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    localStorage.setItem(name, theme)
  } catch {
    // The browser keeps nothing: it holds until the page is closed.
  }
  dispatchEvent(new Event('themechange'))
}

export const nextTheme = (theme: Theme): Theme =>
  themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system'

/** A colour of the style sheet, for what is drawn. */
export const colour = (variable: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${variable}`).trim()

/** Draws again when the colours change. */
export function onThemeChange(draw: () => void, signal: AbortSignal): void {
  addEventListener('themechange', draw, { signal })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw, { signal })
}
