import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, ReactElement, Ref } from 'react';

type Html = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'color' | 'style'> & { ref?: Ref<HTMLAnchorElement> };

/** A link inside the page, in text. */
export const TextLink = createLink(function TextLink(props: Html & Omit<AnchorProps, 'style'>): ReactElement {
  return <Anchor component="a" {...props} />;
});

/** A link inside the page that looks like a button, because it begins something. */
export const ButtonLink = createLink(function ButtonLink(props: Html & Omit<ButtonProps, 'style'>): ReactElement {
  return <Button component="a" {...props} />;
});
