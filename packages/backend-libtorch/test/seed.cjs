// The article's own lines, as a CommonJS program; commonjs.test.ts runs it with a file and prints what it says.
const torchjs = require('@sconce/backend-libtorch');

const script_module = new torchjs.ScriptModule(process.argv[2]);
const data = torchjs.ones([1, 3], false);
const output = script_module.forward(data);
console.log(String(data));
console.log(String(output));
for (const call of [() => torchjs.ones([1, 3]), () => torchjs.ones('1', 2)])
  try {
    call();
  } catch (error) {
    console.log(error.message);
  }
script_module.run('forward', data).then((same) => {
  console.log(same.data().join() === output.data().join());
});
