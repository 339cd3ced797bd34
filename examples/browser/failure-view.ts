import { element } from './elements.js'
import type { Failure } from './messages.js'

/** A failure in full: what happened, where, what to do, and the code to look up. */
export function failureView({ code, what, where, hint }: Failure): HTMLElement {
  return element('div', { class: 'failure' },
    element('p', {}, element('strong', {}, what)),
    where === '' ? null : element('p', {}, 'Where: ', element('code', {}, where)),
    hint === '' ? null : element('p', {}, `Hint: ${hint}`),
    element('p', { class: 'note' }, 'Code: ', element('code', {}, code)))
}
