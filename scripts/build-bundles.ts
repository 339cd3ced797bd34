/** Writes the bundles: dist/browser for pages, dist/node for Node; a part of `npm run build`. */
import { join } from 'node:path'
import { writeBundles } from './bundles.js'

await writeBundles(process.cwd(), join(process.cwd(), 'dist'))
