/** Definitions as archives' files hold them: classes, modules, named tuples, enums, interfaces and functions. */
import { Func } from '../ir/function.ts';
import type { ClassType, EnumType, InterfaceType, TupleType } from '../ir/types.ts';
import type { Named } from './dependencies.ts';
import { literal, reloadableText } from './literal.ts';
import { isIdentifier } from './names.ts';
import type { Printer } from './printer.ts';

/** Prints what is so called; `name` is its own name, without the path of its file. */
export function printDefinition(named: Named, name: string, printer: Printer): void {
  if (named instanceof Func) printer.function(named, name);
  else if (named.kind === 'Class') printClass(named, name, printer);
  else if (named.kind === 'Enum') printEnum(named, name, printer);
  else if (named.kind === 'Interface') printInterface(named, name, printer);
  else printNamedTuple(named, name, printer);
}

function printClass(type: ClassType, name: string, printer: Printer): void {
  const { dependencies } = printer.options;
  printer.line(`class ${name}${type.isModule ? '(Module)' : ''}:`);
  printer.indented(() => {
    if (type.isModule)
      for (const role of ['parameter', 'buffer'] as const) {
        const names = type.attributes.filter((attribute) => attribute.role === role);
        printer.line(`__${role}s__ = [${names.map((attribute) => `"${attribute.name}", `).join('')}]`);
      }
    for (const [i, attribute] of type.attributes.entries()) {
      dependencies.addType(attribute.type);
      const text = printer.typeText(attribute.type);
      if (isIdentifier(attribute.name)) printer.line(`${attribute.name} : ${text}`);
      else {
        if (i === 0) printer.line('__annotations__ = []');
        printer.line(`__annotations__["${attribute.name}"] = ${text}`);
      }
    }
    for (const [constant, { type: constantType, value }] of type.constants) {
      const text = literal(value, constantType, printer.options);
      printer.line(`${constant} : Final[${printer.typeText(constantType)}] = ${text}`);
    }
    for (const [method, func] of type.methods) printer.function(func, method);
    if (!type.isModule && type.attributes.length + type.constants.size + type.methods.size === 0)
      printer.line('pass');
  });
}

function printNamedTuple(type: TupleType, name: string, printer: Printer): void {
  printer.line(`class ${name}(NamedTuple):`);
  printer.indented(() => {
    for (const [i, field] of type.fields!.entries()) {
      printer.options.dependencies.addType(type.elements[i]);
      printer.line(`${field} : ${printer.typeText(type.elements[i])}`);
    }
  });
}

/** Enums are read before there are constants: any string stands as it is. */
const memberText = (value: unknown, type: EnumType, { options }: Printer): string =>
  typeof value === 'string' ? reloadableText(value) : literal(value, type.valueType, options);

function printEnum(type: EnumType, name: string, printer: Printer): void {
  printer.line(`class ${name}(Enum):`);
  printer.indented(() => {
    for (const member of type.members.values())
      printer.line(`${member.name} = ${memberText(member.value, type, printer)}`);
  });
}

function printInterface(type: InterfaceType, name: string, printer: Printer): void {
  const { dependencies } = printer.options;
  printer.line(`class ${name}(${type.isModule ? 'ModuleInterface' : 'Interface'}):`);
  printer.indented(() => {
    for (const { name: method, params, returns } of type.methods.values()) {
      for (const param of params) dependencies.addType(param.type);
      dependencies.addType(returns);
      const args = params.map((param) => `, ${param.name}: ${printer.typeText(param.type)}`).join('');
      printer.line(`def ${method}(self${args}) -> ${printer.typeText(returns)}:`);
      printer.line('  pass');
    }
  });
}
