/** Making parts of the page. Text only ever becomes text: names in a model are not markup. */

type Child = Node | string | null
type Attributes = Readonly<Record<string, string | number | boolean | null>>

/** An element with attributes and children; attributes that are false or null are left out. */
export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) made.setAttribute(key, value === true ? '' : String(value))
  made.append(...children.filter((c) => c !== null))
  return made
}

/** A table that scrolls by itself where it is too wide. Columns whose name starts with `#` hold numbers. */
export function table(caption: string, columns: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement {
  const numeric = columns.map((c) => c.startsWith('#'))
  const cell = (i: number): Attributes => ({ class: numeric[i] === true ? 'number' : null })
  return element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, element('table', {},
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, ...columns.map((c, i) => element('th', { scope: 'col', ...cell(i) }, c.replace(/^#/, ''))))),
    element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map((child, i) => element('td', cell(i), child))))),
  ))
}

/** The element of the page with this id. */
export function part<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element '${id}'`)
  return found as T
}

/** `12.3 ms`, `1.2 s`. */
export const duration = (ms: number): string => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms >= 100 ? 0 : ms >= 1 ? 1 : 3)} ms`)

/** `512 B`, `3.4 KB`, `13.6 MB`. */
export function size(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** `1 kernel`, `40 kernels`. */
export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
