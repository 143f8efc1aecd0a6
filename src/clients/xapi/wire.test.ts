import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseXmlCall, parseXmlValue, type Value, writeXmlAnswer, writeXmlValue } from '../../../test/fakes/xapi/xml.ts';
import { jsonWire, xmlWire } from './wire.ts';
import { formatValue, parseValue } from './xml-value.ts';

/** What XML can carry: no control characters. */
const text = fc.string({ unit: 'grapheme' }).filter((value) => !/[\p{Cc}\ufffe\uffff]/u.test(value));
const values = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Number.isInteger(value)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test('values of XML-RPC are read and written as an independent reader and writer do', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(parseXmlValue(formatValue(value))).toEqual(value);
      expect(parseValue(writeXmlValue(value))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test('a call is written so that it is read, integers as strings', () => {
  const call = xmlWire.format('VM.set_memory_limits', ['OpaqueRef:1', 42, true, 0.5, ['<a>'], { 'k&': 'v' }]);
  expect(parseXmlCall(call)).toEqual({
    method: 'VM.set_memory_limits',
    parameters: ['OpaqueRef:1', '42', true, 0.5, ['<a>'], { 'k&': 'v' }],
  });
  expect(JSON.parse(jsonWire.format('m', [42, { deep: [7] }, 30.05]))).toMatchObject({ params: ['42', { deep: ['7'] }, 30.05] });
});

test('answers of all ages of XAPI are understood', () => {
  expect(xmlWire.parse(writeXmlAnswer({ Status: 'Success', Value: ['a'] }))).toEqual({ value: ['a'] });
  expect(xmlWire.parse(writeXmlAnswer({ Status: 'Failure', ErrorDescription: ['SR_FULL', '5', '3'] }))).toEqual({
    error: 'SR_FULL',
    parameters: ['5', '3'],
  });
  expect(xmlWire.parse(writeXmlAnswer(['system.listMethods']))).toEqual({ value: ['system.listMethods'] });
  expect(
    xmlWire.parse(
      '<methodResponse><fault><value><struct><member><name>faultString</name><value><string>no</string></value></member></struct></value></fault></methodResponse>',
    ),
  ).toEqual({ error: 'INTERNAL_ERROR', parameters: ['no'] });
  expect(jsonWire.parse('{"jsonrpc":"2.0","id":1,"result":""}')).toEqual({ value: '' });
  expect(jsonWire.parse('{"id":1,"error":["SR_FULL","5"]}')).toEqual({ error: 'SR_FULL', parameters: ['5'] });
  expect(jsonWire.parse('{"id":1,"error":{"code":1,"message":"SR_FULL","data":["5"]}}')).toEqual({
    error: 'SR_FULL',
    parameters: ['5'],
  });
});

test('white space between elements is not content, in elements it is', () => {
  expect(
    parseValue('\n<value>\n  <array>\n <data>\n <value> a </value>\n <value><string/></value></data></array>\n</value>\n'),
  ).toEqual([' a ', '']);
});

test.each([
  ['<!DOCTYPE value [<!ENTITY x SYSTEM "file:///etc/passwd">]><value>&x;</value>', 'document type'],
  ['<value><i3>1</i3></value>', 'no type'],
  ['<html><body>no</body></html>', 'missing'],
  ['', 'missing'],
])('%s is refused', (source, words) => {
  expect(() => parseValue(source)).toThrow(
    expect.objectContaining({ name: 'SyntaxError', message: expect.stringContaining(words) }),
  );
});

test('entities are characters, and nothing else', () => {
  expect(parseValue('<value>&lt;&#x41;&#66;&amp;amp;&quot;&unknown;</value>')).toBe('<AB&amp;"&unknown;');
});

test('answers that are none are refused, whatever they are', () => {
  for (const wire of [jsonWire, xmlWire]) {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), values.map(writeXmlValue)), (source) => {
        try {
          wire.parse(source);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 500 },
    );
    expect(() => wire.parse('null')).toThrow(expect.any(SyntaxError));
  }
});
