import clsx from 'clsx'
import { initials, type Person } from './person.ts'

/** A person as a disc with initials. */
export function Avatar({ person, small }: { readonly person: Person; readonly small?: boolean }) {
  return (
    <span
      aria-hidden
      style={{ backgroundColor: person.color }}
      className={clsx(
        'inline-flex shrink-0 animate-fade items-center justify-center rounded-full font-semibold text-white select-none',
        small ? 'size-5 text-[9px]' : 'size-7 text-[11px]',
      )}
    >
      {initials(person.name)}
    </span>
  )
}
