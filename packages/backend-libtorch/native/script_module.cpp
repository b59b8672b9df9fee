// TorchScript archives run by torch::jit: a method called at once, or off the main thread.
#include "script_module.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/Generator.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <sstream>

#include "errors.h"
#include "wire.h"

namespace sconce {

namespace {

/** A result on its way to JavaScript: numbers on the wire, strings beside it. */
Napi::Value finish(Napi::Env env, const c10::IValue& value, const Napi::Function& decode) {
  Writer writer(instance(env));
  writer.value(value);
  auto strings = Napi::Array::New(env, writer.strings.size());
  for (size_t i = 0; i < writer.strings.size(); i++) strings.Set(i, Napi::String::New(env, writer.strings[i]));
  const auto length = writer.deliver();
  return decode.Call({Napi::Number::New(env, static_cast<double>(length)), strings});
}

c10::IValue invoke(torch::jit::Module& module, const std::string& method, std::vector<c10::IValue> arguments) {
  // No gradients here: Sconce's own interpreter is the one to train with.
  c10::InferenceMode inference;
  return module.get_method(method)(std::move(arguments));
}

class Request : public Napi::AsyncWorker {
 public:
  Request(Napi::Env env, torch::jit::Module module, std::string method, std::vector<c10::IValue> arguments,
          const Napi::Function& decode)
      : Napi::AsyncWorker(env, "sconce.ScriptModule.run"),
        deferred(Napi::Promise::Deferred::New(env)),
        module_(std::move(module)),
        method_(std::move(method)),
        arguments_(std::move(arguments)),
        decode_(Napi::Persistent(decode)) {}

  const Napi::Promise::Deferred deferred;

 protected:
  void Execute() override {
    try {
      result_ = invoke(module_, method_, std::move(arguments_));
    } catch (...) {
      fault_ = faultOf(std::current_exception());
      failed_ = true;
    }
  }

  void OnOK() override {
    const auto env = Env();
    if (failed_) return deferred.Reject(toError(env, fault_).Value());
    try {
      deferred.Resolve(guarded(env, [&] { return finish(env, result_, decode_.Value()); }));
    } catch (const Napi::Error& error) {
      deferred.Reject(error.Value());
    }
  }

 private:
  torch::jit::Module module_;
  std::string method_;
  std::vector<c10::IValue> arguments_;
  Napi::FunctionReference decode_;
  c10::IValue result_;
  Fault fault_;
  bool failed_ = false;
};

class ScriptModule : public Napi::ObjectWrap<ScriptModule> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ScriptModule",
                       {InstanceMethod<&ScriptModule::call>("call"), InstanceMethod<&ScriptModule::start>("start"),
                        InstanceMethod<&ScriptModule::train>("train"), InstanceMethod<&ScriptModule::methods>("methods")});
  }

  /** `new ScriptModule(path)` or `new ScriptModule(bytes)`. */
  explicit ScriptModule(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ScriptModule>(info) {
    guarded(info.Env(), [&] {
      if (info[0].IsString()) {
        module_ = torch::jit::load(info[0].As<Napi::String>().Utf8Value(), c10::Device(c10::kCPU));
        return;
      }
      const auto bytes = info[0].As<Napi::TypedArray>();
      const auto* data = static_cast<const char*>(bytes.ArrayBuffer().Data()) + bytes.ByteOffset();
      std::istringstream stream(std::string(data, bytes.ByteLength()));
      module_ = torch::jit::load(stream, c10::Device(c10::kCPU));
    });
  }

 private:
  /** Arguments of a method from the wire: how many, and these; `strings` beside it. */
  std::vector<c10::IValue> arguments(Napi::Env env, const std::string& method, const Napi::Array& texts) {
    std::vector<std::string> strings;
    for (uint32_t i = 0; i < texts.Length(); i++) strings.push_back(texts.Get(i).As<Napi::String>());
    auto& here = instance(env);
    Reader reader(here.storages, strings, here.wire);
    const auto& schema = module_.get_method(method).function().getSchema();
    const auto n = static_cast<size_t>(reader.integer());
    const auto& declared = schema.arguments();  // the first is self
    TORCH_CHECK(n < declared.size(), method, "() expected at most ", declared.size() - 1, " argument(s) but received ", n,
                " argument(s). Declaration: ", schema);
    std::vector<c10::IValue> values;
    for (size_t i = 0; i < n; i++) values.push_back(reader.value(declared[i + 1].type()));
    return values;
  }

  /** `call(method, strings, decode)`: at once, on this thread. */
  Napi::Value call(const Napi::CallbackInfo& info) {
    const auto env = info.Env();
    return guarded(env, [&] {
      const std::string method = info[0].As<Napi::String>();
      auto values = arguments(env, method, info[1].As<Napi::Array>());
      return finish(env, invoke(module_, method, std::move(values)), info[2].As<Napi::Function>());
    });
  }

  /** `start(method, strings, decode)`: a Promise; the work is done on one of libuv's threads. */
  Napi::Value start(const Napi::CallbackInfo& info) {
    const auto env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
      const std::string method = info[0].As<Napi::String>();
      auto values = arguments(env, method, info[1].As<Napi::Array>());
      auto* request = new Request(env, module_, method, std::move(values), info[2].As<Napi::Function>());
      auto promise = request->deferred.Promise();
      request->Queue();
      return promise;
    });
  }

  void train(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] { module_.train(info[0].As<Napi::Boolean>().Value()); });
  }

  Napi::Value methods(const Napi::CallbackInfo& info) {
    const auto env = info.Env();
    return guarded(env, [&] {
      auto names = Napi::Array::New(env);
      for (const auto& method : module_.get_methods()) names.Set(names.Length(), Napi::String::New(env, method.name()));
      return names;
    });
  }

  torch::jit::Module module_;
};

/** `seed(n)`: LibTorch's own generator, which modules draw from; core's generator serves all else. */
void seed(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    bool lossless = true;
    const auto value = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
    auto generator = at::globalContext().defaultGenerator(c10::Device(c10::kCPU));
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(value);
  });
}

void setThreads(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { at::set_num_threads(info[0].As<Napi::Number>().Int32Value()); });
}

Napi::Value getThreads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

}  // namespace

void defineScriptModule(Napi::Env env, Napi::Object exports) {
  exports.Set("ScriptModule", ScriptModule::define(env));
  exports.Set("seed", Napi::Function::New(env, seed, "seed"));
  exports.Set("setThreads", Napi::Function::New(env, setThreads, "setThreads"));
  exports.Set("getThreads", Napi::Function::New(env, getThreads, "getThreads"));
  exports.Set("version", Napi::String::New(env, TORCH_VERSION));
}

}  // namespace sconce
