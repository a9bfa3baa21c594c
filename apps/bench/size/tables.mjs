import { markdownTable } from '../harness/tables.mjs'

/** The tables of the README, from the promises and the last measurement. */
export function sizeTables(promises, { sizes, packages, store }) {
  return {
    promises: promisesTable(promises, sizes),
    packages: markdownTable(
      ['of `registers`, each compressed for itself', 'minified', 'gzip'],
      Object.entries(packages)
        .sort(([, a], [, b]) => b.gzip - a.gzip)
        .map(([name, { minified, gzip }]) => [`\`${name}\``, kb(minified), kb(gzip)]),
    ),
    store: storeTable(store),
  }
}

function storeTable({ none, all, parts }) {
  return markdownTable(
    ['gzip, kB', 'added alone', 'left out of all'],
    [
      ['no part', kb(none), ''],
      ...Object.entries(parts)
        .sort(([, a], [, b]) => b.added - a.added)
        .map(([name, { added, left }]) => [`\`${name}\``, `+${kb(added)}`, `−${kb(left)}`]),
      ['all parts', kb(all), ''],
    ],
  )
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
