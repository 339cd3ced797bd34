/** 150 irises: length and width of sepal and petal in centimetres, and the species. Source: R. A. Fisher 1936, measured by E. Anderson. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export const SPECIES = ['setosa', 'versicolor', 'virginica'] as const

export interface Irises { readonly measures: readonly (readonly number[])[]; readonly species: readonly number[] }

/** The flowers of the file beside this one; every fifth is kept from training. */
export async function readIrises(): Promise<{ readonly train: Irises; readonly test: Irises }> {
  const lines = (await readFile(join('examples', 'train-and-deploy', 'iris.csv'), 'utf8')).trim().split('\n').slice(1)
  const flowers = lines.map((line) => line.split(',')).map((cells) => ({ measures: cells.slice(0, 4).map(Number), species: (SPECIES as readonly string[]).indexOf(cells[4] ?? '') }))
  const pick = (kept: (i: number) => boolean): Irises => {
    const some = flowers.filter((_, i) => kept(i))
    return { measures: some.map((f) => f.measures), species: some.map((f) => f.species) }
  }
  return { train: pick((i) => i % 5 !== 2), test: pick((i) => i % 5 === 2) }
}
