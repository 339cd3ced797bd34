/** What constants were computed from while compiling, so that a program may store that instead and compute them when it is loaded. */
import type { HostTensor } from '../base/dtype.js'
import type { Attrs, Value } from './graph.js'

/** The op whose result number `output` a tensor is, and what it was given. */
export interface Recipe { readonly op: string; readonly attrs: Attrs; readonly inputs: readonly (Ingredient | null)[]; readonly output: number }

/** What an op was given: a constant of the model, or what a recipe makes. Of the latter no elements are kept. */
export type Ingredient = { readonly kind: 'stored'; readonly tensor: HostTensor } | { readonly kind: 'made'; readonly recipe: Recipe }

const recipes = new WeakMap<HostTensor, Recipe>()

/** Notes that `results` are those of an op on constants. */
export function noteRecipe(results: readonly HostTensor[], op: string, inputs: readonly (Value | null)[], attrs: Attrs): void {
  const given = inputs.map((v): Ingredient | null => {
    if (v?.data === undefined) return null
    const recipe = recipes.get(v.data)
    return recipe === undefined ? { kind: 'stored', tensor: v.data } : { kind: 'made', recipe }
  })
  results.forEach((tensor, output) => { if (!inputs.some((v) => v?.data === tensor)) recipes.set(tensor, { op, attrs, inputs: given, output }) })
}

/** How `tensor` was computed; undefined for what no op made. */
export const recipeOf = (tensor: HostTensor): Recipe | undefined => recipes.get(tensor)
