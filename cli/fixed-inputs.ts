/** What the command line says of a model's ports: extents of inputs by `--shape`, values by `--value`, how many tensors there are by `--length`, and results to keep by `--result`. */
import { IngotError, type FixedValue, type ImportOnnxOptions, type InputShapes, type Lengths } from '../src/index.js'
import { readTensor } from './feeds.js'

/** Options of a command that fix a model's inputs, or choose among its results. */
export interface FixedInputs { readonly shape?: InputShapes; readonly value?: Readonly<Record<string, string>>; readonly length?: Lengths; readonly result?: readonly string[] }

/** What they say while a model is imported. Throws `bad-option` for a value that cannot be read. */
export async function fixedInputs({ shape, value = {}, length, result }: FixedInputs): Promise<Pick<ImportOnnxOptions, 'shapes' | 'constants' | 'lengths' | 'outputs'>> {
  const constants = await Promise.all(Object.entries(value).map(async ([name, text]) => [name, await valueOf(name, text)] as const))
  return {
    ...(shape !== undefined && { shapes: shape }), ...(constants.length > 0 && { constants: Object.fromEntries(constants) }),
    ...(length !== undefined && { lengths: length }), ...(result !== undefined && { outputs: result }),
  }
}

async function valueOf(name: string, text: string): Promise<FixedValue> {
  if (/\.(npy|pb)$/.test(text)) return readTensor(text)
  const elements = text.split(',').map((part) => elementOf(part.trim()) ?? refuse(name, text))
  return elements.length === 1 ? elements[0] as FixedValue : elements
}

function elementOf(text: string): bigint | number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true'
  const number = Number(text)
  if (text === '' || Number.isNaN(number)) return undefined
  return /^[+-]?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number
}

function refuse(name: string, text: string): never {
  throw new IngotError('bad-option', `--value ${name}=${text}: it is neither a number, a list of numbers nor a .npy or .pb file`, { hint: `for example --value ${name}=1` })
}
