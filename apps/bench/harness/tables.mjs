import { readFileSync, writeFileSync } from 'node:fs'
import { round } from './statistics.mjs'

/**
 * Numbers in a README come from a file that a program wrote. They stand between `<!-- table: name -->` and `<!-- /table -->`; these
 * functions put them there, and tell what is there.
 */
const block = (name) => new RegExp(`(<!-- table: ${name} -->)([\\s\\S]*?)(<!-- /table -->)`)

/** The text of one table in a Markdown file. Throws when the file has no place for it. */
export function tableIn(file, name) {
  const found = block(name).exec(readFileSync(file, 'utf8'))
  if (!found) throw new Error(`${file} has no place for a table: write <!-- table: ${name} --> and <!-- /table -->.`)
  return found[2].trim()
}

/** Puts tables, by name, into their places in a Markdown file. */
export function writeTables(file, tables) {
  let text = readFileSync(file, 'utf8')
  for (const [name, table] of Object.entries(tables)) {
    tableIn(file, name)
    text = text.replace(block(name), (_, open, __, close) => `${open}\n\n${table}\n\n${close}`)
  }
  writeFileSync(file, text)
}

/** A Markdown table. The first column is text, the others are numbers. */
export function markdownTable(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** What was wanted and what was measured; `count` writes numbers. */
export function barsTable(bars, count) {
  return markdownTable(
    ['what', 'bar', 'measured', ''],
    bars.map(({ what, bar, value, isMet }) => [what, bar, count(round(value)), isMet ? 'met' : '**missed**']),
  )
}

/** Where and with what it was measured in pages. */
export function pagesText({ rounds, versions, environment: { date, node, chromium, platform, cores, cpu } }) {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${date}, Chromium ${chromium}, ${cores} cores of ${cpu}, ${platform}, driven by Node ${node}; ${peers.join(', ')}. Rounds: ${rounds}.`
}
