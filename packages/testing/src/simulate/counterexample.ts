import { drawMermaid, drawText, type Drawing } from './diagram.ts'

/** What a check found. */
export interface Finding {
  /** Which promise is broken. */
  readonly check: string
  /** How, in a sentence. */
  readonly what: string
}

/** How a promise is broken, in as few steps as were found. */
export interface Counterexample extends Finding {
  /** What happens, one line for each step. */
  readonly steps: readonly string[]
  /** The same as a diagram for the terminal. */
  readonly diagram: string
  /** The same as a sequence diagram for Mermaid. */
  readonly mermaid: string
}

/** Puts a counter-example together from what was drawn of it. */
export function counterexampleOf(check: string, what: string, drawing: Drawing): Counterexample {
  const steps = drawing.marks.map((mark) => {
    if (mark.kind === 'divider') return mark.label
    if (mark.kind !== 'message') return `${mark.at}: ${mark.label}`
    return `${mark.from} → ${mark.to}: ${mark.label}${mark.isLost === true ? ' (lost)' : ''}`
  })
  return { check, what, steps, diagram: drawText(drawing), mermaid: drawMermaid(drawing) }
}

/** A counter-example as it is printed. */
export function printed({ check, what, diagram, mermaid }: Counterexample): string {
  return `${what} (${check})\n\n${diagram}\n\nAs Mermaid text:\n\n${mermaid}\n`
}
