/** What surrounds the recogniser: pixels in, characters out. PP-OCRv4's text recogniser takes one line of text, 48 pixels high. */

/** 8-bit RGBA pixels, row-major. */
export interface Picture { readonly width: number; readonly height: number; readonly data: Uint8Array }

const HEIGHT = 48

/** The picture as the recogniser wants it: 48 pixels high, keeping its proportions, BGR planes in [-1, 1]; shape [1, 3, 48, width]. */
export function toInput(picture: Picture): { readonly shape: readonly [1, 3, 48, number]; readonly data: Float32Array } {
  const width = Math.max(16, Math.round((picture.width * HEIGHT) / picture.height))
  const data = new Float32Array(3 * HEIGHT * width)
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < width; x++) {
      for (let plane = 0; plane < 3; plane++) {
        data[(plane * HEIGHT + y) * width + x] = bilinear(picture, (x + 0.5) * (picture.width / width) - 0.5, (y + 0.5) * (picture.height / HEIGHT) - 0.5, 2 - plane) / 127.5 - 1
      }
    }
  }
  return { shape: [1, 3, HEIGHT, width], data }
}

/** Channel value at a point between pixels, over white where the picture is transparent. */
function bilinear(p: Picture, x: number, y: number, channel: number): number {
  const x0 = Math.min(Math.max(Math.floor(x), 0), p.width - 1), x1 = Math.min(x0 + 1, p.width - 1)
  const y0 = Math.min(Math.max(Math.floor(y), 0), p.height - 1), y1 = Math.min(y0 + 1, p.height - 1)
  const fx = Math.min(Math.max(x - x0, 0), 1), fy = Math.min(Math.max(y - y0, 0), 1)
  const at = (px: number, py: number): number => {
    const i = (py * p.width + px) * 4
    const alpha = (p.data[i + 3] as number) / 255
    return (p.data[i + channel] as number) * alpha + 255 * (1 - alpha)
  }
  return (at(x0, y0) * (1 - fx) + at(x1, y0) * fx) * (1 - fy) + (at(x0, y1) * (1 - fx) + at(x1, y1) * fx) * fy
}

/**
 * Text from the recogniser's probabilities, shape [1, steps, classes]: the best class of each step, repeats joined, blanks
 * (class 0) dropped (greedy CTC). `confidence` is the mean probability of the characters kept.
 */
export function decodeText(probabilities: Float32Array, steps: number, characters: readonly string[]): { readonly text: string; readonly confidence: number } {
  const classes = probabilities.length / steps
  let text = '', sum = 0, kept = 0, previous = 0
  for (let t = 0; t < steps; t++) {
    let best = 0
    for (let c = 1; c < classes; c++) if ((probabilities[t * classes + c] as number) > (probabilities[t * classes + best] as number)) best = c
    if (best !== 0 && best !== previous) {
      text += characters[best - 1] ?? ' '
      sum += probabilities[t * classes + best] as number
      kept++
    }
    previous = best
  }
  return { text, confidence: kept === 0 ? 0 : sum / kept }
}
