import type { LossSettings, OptimizerSettings } from '../../../engine/index.ts';
import { literal, named } from '../python/source.ts';

/** `loss_of(logits, labels)` as it is trained, and `plain_loss` per image as it is reported for validation and test images. */
export function lossSource(loss: LossSettings): string {
  const [training, plain] = lossExpressions(loss);
  const oneHot = `\n\ndef one_hot(labels):\n    return F.one_hot(labels, len(CLASSES)).float()\n`;
  const needs = training.includes('one_hot') ? oneHot : '';
  const weight =
    loss.kind === 'crossEntropy' && loss.classWeight
      ? `CLASS_WEIGHT = torch.tensor(${literal(loss.classWeight)})\n\n\n`
      : '\n';
  return `${weight}def loss_of(logits, labels):
    """What training makes small: the mean over the batch."""
    return ${training}


def plain_loss(logits, labels):
    """The same without label smoothing and class weights, for each image: what evaluations report."""
    return ${plain}
${needs}`;
}

function lossExpressions(loss: LossSettings): readonly [string, string] {
  switch (loss.kind) {
    case 'crossEntropy': {
      const weight = loss.classWeight ? ', weight=CLASS_WEIGHT.to(logits.device)' : '';
      const smoothing = named({ label_smoothing: loss.labelSmoothing }, { label_smoothing: 0 });
      return [
        `F.cross_entropy(logits, labels${weight}${smoothing})`,
        'F.cross_entropy(logits, labels, reduction="none")',
      ];
    }
    case 'hinge': {
      const rest = named({ p: loss.p, margin: loss.margin }, { p: 1, margin: 1 });
      return [
        `F.multi_margin_loss(logits, labels${rest})`,
        `F.multi_margin_loss(logits, labels${rest}, reduction="none")`,
      ];
    }
    case 'mse':
      return elementwise('F.mse_loss');
    case 'mae':
      return elementwise('F.l1_loss');
    case 'huber':
      return elementwise('F.huber_loss', named({ delta: loss.delta }, { delta: 1 }));
    case 'binaryCrossEntropy':
      return elementwise('F.binary_cross_entropy_with_logits');
  }
}

const elementwise = (name: string, rest = ''): readonly [string, string] => [
  `${name}(logits, one_hot(labels)${rest})`,
  `${name}(logits, one_hot(labels)${rest}, reduction="none").mean(dim=1)`,
];

const uncorrected = `
class UncorrectedAdam(torch.optim.Optimizer):
    """Adam whose moments are used as they are, without dividing by 1 - beta^t."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, state = p.grad, self.state[p]
                if not state:
                    state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
                if group["decoupled"]:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                elif group["weight_decay"] != 0:
                    g = g.add(p, alpha=group["weight_decay"])
                state["m"].mul_(group["betas"][0]).add_(g, alpha=1 - group["betas"][0])
                state["v"].mul_(group["betas"][1]).addcmul_(g, g, value=1 - group["betas"][1])
                p.addcdiv_(state["m"], state["v"].sqrt().add_(group["eps"]), value=-group["lr"])

`;

/** `make_optimizer(model)`. */
export function optimizerSource(optimizer: OptimizerSettings): string {
  const before = optimizer.kind === 'adam' && optimizer.biasCorrection === false ? `${uncorrected}\n` : '\n';
  return `${before}def make_optimizer(model):
    return ${optimizerExpression(optimizer)}
`;
}

function optimizerExpression(optimizer: OptimizerSettings): string {
  const { learningRate: lr, weightDecay: weight_decay } = optimizer;
  const make = (name: string, settings: object, defaults: object): string =>
    `${name}(model.parameters(), lr=${literal(lr)}${named({ ...settings, weight_decay }, { weight_decay: 0, ...defaults })})`;
  switch (optimizer.kind) {
    case 'sgd': {
      const { momentum, dampening, nesterov } = optimizer;
      // without momentum there is nothing that dampening could damp, and PyTorch refuses nesterov
      const own = momentum === 0 ? {} : { momentum, dampening, nesterov };
      // PyTorch takes nesterov only without dampening; the lab damps all the same
      const plain = momentum !== 0 && nesterov && dampening !== 0;
      return plain
        ? `DampedNesterov(model.parameters(), dict(lr=${literal(lr)}, momentum=${momentum}, dampening=${dampening}, weight_decay=${weight_decay}))`
        : make('torch.optim.SGD', own, { momentum: 0, dampening: 0, nesterov: false });
    }
    case 'adam': {
      const { beta1, beta2, eps, decoupled, biasCorrection = true } = optimizer;
      if (!biasCorrection) {
        return `UncorrectedAdam(model.parameters(), dict(lr=${literal(lr)}, betas=${literal([beta1, beta2])}, eps=${literal(eps)}, weight_decay=${literal(weight_decay)}, decoupled=${literal(decoupled)}))`;
      }
      const settings = { betas: [beta1, beta2], eps };
      if (!decoupled) return make('torch.optim.Adam', settings, { betas: [0.9, 0.999], eps: 1e-8 });
      // AdamW's own default is 0.01
      return make('torch.optim.AdamW', settings, { betas: [0.9, 0.999], eps: 1e-8, weight_decay: null });
    }
    case 'rmsprop': {
      const { alpha, eps, momentum, centered } = optimizer;
      const defaults = { alpha: 0.99, eps: 1e-8, momentum: 0, centered: false };
      return make('torch.optim.RMSprop', { alpha, eps, momentum, centered }, defaults);
    }
    case 'adagrad': {
      const { learningRateDecay: lr_decay, initialAccumulator: initial_accumulator_value, eps } = optimizer;
      const defaults = { lr_decay: 0, initial_accumulator_value: 0, eps: 1e-10 };
      return make('torch.optim.Adagrad', { lr_decay, initial_accumulator_value, eps }, defaults);
    }
    case 'adamax': {
      const { beta1, beta2, eps } = optimizer;
      return make('torch.optim.Adamax', { betas: [beta1, beta2], eps }, { betas: [0.9, 0.999], eps: 1e-8 });
    }
    case 'nadam': {
      const { beta1, beta2, eps, momentumDecay: momentum_decay } = optimizer;
      const defaults = { betas: [0.9, 0.999], eps: 1e-8, momentum_decay: 0.004 };
      // PyTorch 1.13 counts a momentum twice in its plain loop, not in the one over lists
      return make('torch.optim.NAdam', { betas: [beta1, beta2], eps, momentum_decay, foreach: true }, defaults);
    }
  }
}

const nesterov = `
class DampedNesterov(torch.optim.Optimizer):
    """SGD with Nesterov's momentum and dampening together, which torch.optim.SGD refuses."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, state = p.grad.add(p, alpha=group["weight_decay"]), self.state[p]
                if not state:
                    state["v"] = g.clone()
                else:
                    state["v"].mul_(group["momentum"]).add_(g, alpha=1 - group["dampening"])
                p.add_(g.add(state["v"], alpha=group["momentum"]), alpha=-group["lr"])

`;

/** Optimisers that PyTorch does not have, where they are needed. */
export const ownOptimizers = (optimizer: OptimizerSettings): string =>
  optimizer.kind === 'sgd' && optimizer.momentum !== 0 && optimizer.nesterov && optimizer.dampening !== 0
    ? nesterov
    : '';
