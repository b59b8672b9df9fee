// The addon's entry: one Instance for each environment that loads it.
#include <napi.h>

#include "dispatcher.h"
#include "instance.h"
#include "script_module.h"
#include "storage.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new sconce::Instance());
  sconce::defineStorage(env, exports);
  sconce::defineDispatcher(env, exports);
  sconce::defineScriptModule(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sconce_libtorch, init)
