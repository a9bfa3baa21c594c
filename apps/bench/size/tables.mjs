import { markdownTable } from '../harness/tables.mjs'

/** The tables of the README, from the promises and the last measurement. */
export function sizeTables(promises, { sizes, parts }) {
  return {
    promises: promisesTable(promises, sizes),
    parts: markdownTable(
      ['of `core`, each compressed for itself', 'minified', 'gzip'],
      Object.entries(parts)
        .sort(([, a], [, b]) => b.gzip - a.gzip)
        .map(([name, { minified, gzip }]) => [`\`${name}\``, kb(minified), kb(gzip)]),
    ),
  }
}

function promisesTable(promises, sizes) {
  return markdownTable(
    ['entry', 'limit, kB', 'measured, kB'],
    Object.entries(promises).map(([name, { limitKb, what }]) => [
      `\`${name}\`: ${what}`,
      limitKb,
      kb(sizes[name].gzip),
    ]),
  )
}

/** The table of limits alone, for readers who only want to know what they will get. */
export function limitsTable(promises) {
  return markdownTable(
    ['what an app imports', 'kB at most'],
    Object.values(promises).map(({ limitKb, what }) => [what, limitKb]),
  )
}

const kb = (bytes) => (bytes / 1000).toFixed(1)
