import clsx from 'clsx'
import type { ComponentProps, ReactNode } from 'react'

type Look = 'primary' | 'plain' | 'quiet' | 'accent' | 'danger'

const looks: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong',
  plain: 'bg-surface text-ink shadow-card hover:shadow-card-hover',
  quiet: 'text-ink-2 hover:bg-hover hover:text-ink',
  accent: 'text-accent hover:bg-hover hover:text-accent-strong',
  danger: 'bg-bad text-surface hover:opacity-90',
}

/** A button with words on it. */
export function Button({ look = 'plain', className, ...rest }: ComponentProps<'button'> & { readonly look?: Look }) {
  return (
    <button
      type="button"
      className={clsx(
        'inline-flex h-8 items-center justify-center gap-1.5 rounded-lg px-3 text-[13px] font-medium whitespace-nowrap',
        'transition-[background-color,box-shadow,color] duration-150 disabled:opacity-50',
        looks[look],
        className,
      )}
      {...rest}
    />
  )
}

/** A button with an icon only; `label` is its name for everybody, also on hover. */
export function IconButton({
  label,
  keys,
  children,
  className,
  ...rest
}: ComponentProps<'button'> & { readonly label: string; readonly keys?: string; readonly children: ReactNode }) {
  return (
    <button
      type="button"
      aria-label={label}
      aria-keyshortcuts={keys}
      title={keys === undefined ? label : `${label} (${keys.replaceAll('+', ' + ').replaceAll('Arrow', '')})`}
      className={clsx(
        'inline-flex size-7 shrink-0 items-center justify-center rounded-md text-ink-2 transition-colors duration-150',
        'enabled:hover:bg-hover enabled:hover:text-ink disabled:opacity-30 [&_svg]:size-4',
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  )
}
