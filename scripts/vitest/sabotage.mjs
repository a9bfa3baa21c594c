import process from 'node:process'
import { at } from '../paths.mjs'
import { sabotages, spoil } from '../sabotages.mjs'

/**
 * Tests run on code that is spoilt in one line, when `SYNCLINE_SABOTAGE` names which: not the file is changed, but what is loaded of it.
 *
 * @returns {import('vite').Plugin}
 */
export function sabotage(name = process.env.SYNCLINE_SABOTAGE) {
  const planted = sabotages.find((one) => one.name === name)
  if (name !== undefined && planted === undefined) throw new Error(`There is no sabotage named "${name}".`)
  return {
    name: 'syncline:sabotage',
    enforce: 'pre',
    transform(code, id) {
      if (planted === undefined || id.split('?')[0] !== at(planted.file)) return undefined
      return { code: spoil(code, planted), map: null }
    },
  }
}
