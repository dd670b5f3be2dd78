#include "common/page/page.h"

#include "common/page/assembled_page.h"

namespace understudy {

Page cluster_page() {
  return {kAssembledHtml, kAssembledPolicy};
}

}  // namespace understudy
