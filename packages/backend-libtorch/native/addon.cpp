// The addon's entry: one Instance for each environment that loads it.
#include <c10/util/Exception.h>
#include <napi.h>
#include <torch/csrc/api/include/torch/version.h>

#include <cstdio>

#include "dispatcher.h"
#include "instance.h"
#include "script_module.h"
#include "storage.h"

namespace {

/** LibTorch's warnings on standard error, one line each and without C++ places; that an operator is beta is its affair. */
class Warnings : public c10::WarningHandler {
 public:
#if TORCH_VERSION_MAJOR >= 2
  void process(const c10::Warning& warning) override { print(warning.msg()); }
#else
  void process(const c10::SourceLocation&, const std::string& message, const bool) override { print(message); }
#endif

 private:
  static void print(const std::string& message) {
    if (message.find("is in beta") == std::string::npos) std::fprintf(stderr, "LibTorch: %s\n", message.c_str());
  }
};

#if TORCH_VERSION_MAJOR >= 2
using c10::WarningUtils::set_warning_handler;
#else
using c10::Warning::set_warning_handler;
#endif

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static Warnings warnings;
  set_warning_handler(&warnings);
  env.SetInstanceData(new sconce::Instance(env));
  sconce::defineStorage(env, exports);
  sconce::defineDispatcher(env, exports);
  sconce::defineScriptModule(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sconce_libtorch, init)
