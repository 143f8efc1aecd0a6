import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** Petrol: quiet beside the colours of states, and readable on white and on black. */
const petrol: MantineColorsTuple = [
  '#e6f5f8',
  '#d0e9ee',
  '#a3d3de',
  '#73bccc',
  '#4ca8bc',
  '#3197ad',
  '#1f7f94',
  '#0f6c80',
  '#0b5c6b',
  '#064a57',
];

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 8, dark: 7 },
  colors: { petrol },
  defaultRadius: 'sm',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.84rem', md: '0.9rem', lg: '1rem', xl: '1.15rem' },
  headings: { fontWeight: '620', sizes: { h1: { fontSize: '1.4rem' }, h2: { fontSize: '1.1rem' }, h3: { fontSize: '0.95rem' } } },
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'sm' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { openDelay: 250, withArrow: true } },
  },
});

/** Mantine's own greys for secondary text have too little contrast for WCAG 2.2 AA. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#56606a',
    '--mantine-color-placeholder': '#66707a',
    '--mantine-color-error': '#b42318',
    '--mantine-color-anchor': '#0b5c6b',
    '--mantine-color-body': '#ffffff',
    '--surface': '#f6f8f9',
    '--line': '#dce1e5',
    '--ok': '#1a6b3c',
    '--ok-back': '#e4f4ea',
    '--bad': '#b42318',
    '--bad-back': '#fdeceb',
    '--warn': '#8a4b00',
    '--warn-back': '#fdf1dd',
    '--busy': '#0b5c6b',
    '--busy-back': '#e2f2f5',
    '--idle': '#4b555f',
    '--idle-back': '#eceff1',
  },
  dark: {
    '--mantine-color-dimmed': '#a3adb6',
    '--mantine-color-placeholder': '#9099a2',
    '--mantine-color-error': '#ff8f86',
    '--mantine-color-anchor': '#73bccc',
    '--mantine-color-body': '#15191c',
    '--surface': '#1b2023',
    '--line': '#31383d',
    '--ok': '#7fd6a0',
    '--ok-back': '#12301f',
    '--bad': '#ff9d94',
    '--bad-back': '#401a17',
    '--warn': '#f2bd70',
    '--warn-back': '#38270c',
    '--busy': '#86cbd9',
    '--busy-back': '#10323a',
    '--idle': '#b2bbc3',
    '--idle-back': '#272d31',
  },
});
