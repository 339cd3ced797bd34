/** The browser that tests run in: Debian's chromium, or what `CHROMIUM` names. */
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

const PATH = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** True where there is a browser; says on the console that tests are skipped where not. */
export function haveChromium(): boolean {
  const found = existsSync(PATH)
  if (!found) console.warn(`skipped: there is no browser at ${PATH}; install chromium, or set CHROMIUM to the path of one`)
  return found
}

/** Arguments that give pages WebGPU on a software adapter. */
export const SOFTWARE_ADAPTER: readonly string[] = ['--disable-gpu-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']

/** A new browser process. */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: PATH, args: ['--no-sandbox', ...args] })
}
