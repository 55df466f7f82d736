"""Training steps of a DCGAN, CycleGAN, Pix2Pix and CUT in float64, with none of ganzoo's networks, losses or engine.

Only the random numbers are ganzoo's. A network is a mapping from the names of its variables to tensors; a forward
function returns its output and the moving averages that it moves.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from ganzoo.core import randomness

EPSILON = 1e-5  # of normalisations


def after(config, before, batches, steps, together=1):
    """The state of a model after some steps.

    Args:
      config: what it is trained by.
      before: its variables by name.
      batches: its batches, one after the other.
      steps: how many.
      together: the last steps, whose losses are averaged.

    Returns:
      Name -> float64: networks, moving averages, pools, and `logs/LOSS`.
    """
    schemes = {"vanilla": Gan, "conditional": Gan, "cyclegan": CycleGan, "pix2pix": Pix2Pix, "cut": Cut}
    run = schemes[config.model.scheme](
        config, {name: np.float64(value) for name, value in before.items()}, iter(batches)
    )
    logs = [run.step(step) | run.averaged(step) for step in range(steps)][-together:]
    found = {f"logs/{name}": np.mean([float(log[name]) for log in logs]) for name in logs[0]}
    for role, network in (run.networks | run.averages).items():
        found |= {f"{role}/{name}": tensor.numpy() for name, tensor in network.items()}
    return found | {f"pool/{domain}": pool for domain, pool in run.pools.items()}


class Run:
    """Networks in training."""

    def __init__(self, config, before, batches):
        self.config, self.batches, self.pools = config, batches, {}
        self.options, self.seed = config.model.arguments, config.training.seed
        self.smoothing = config.loss.arguments.get("label_smoothing", 0.0)
        parts = {}
        for name, value in before.items():
            role, _, rest = name.partition("/")
            if "optimizer" not in role and rest:
                parts.setdefault(role, {})[rest] = tf.constant(value)
        self.networks = {role: part for role, part in parts.items() if not role.endswith("_ema") and role != "pool"}
        self.averages = {role: part for role, part in parts.items() if role.endswith("_ema")}
        self.optimizers = {name: optimizer(one) for name, one in config.optimizer.updates.items()}

    def descend(self, update, loss):
        """Moves the weights of an update's networks by the gradient of a loss."""
        of_update = (update, "heads") if update == "generator" else update
        roles = [role for role in self.networks if role.startswith(of_update)]
        names = [(role, name) for role in roles for name in self.networks[role] if "moving_" not in name]
        weights = [self.networks[role][name] for role, name in names]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = loss()
        slopes = [tf.convert_to_tensor(slope) for slope in tape.gradient(value, weights)]
        moved = self.optimizers[update](weights, slopes)
        for (role, name), weight in zip(names, moved, strict=True):
            self.networks[role][name] = weight

    def averaged(self, step):
        """Moves the averages: of weights, and of the batch norm's statistics."""
        decay = min(self.config.training.ema_decay, (1 + step) / (10 + step))
        for role, average in self.averages.items():
            for name, now in self.networks[role.removesuffix("_ema")].items():
                average[name] = decay * average[name] + (1 - decay) * now
        return {}

    def called(self, role, forward, *inputs):
        """A network's output; it keeps its moving averages."""
        output, moved = forward(self.networks[role], *inputs)
        self.networks[role] |= moved
        return output


class Gan(Run):
    """Algorithm 1 of the GAN paper with a DCGAN."""

    def step(self, step):
        logs = {}
        for k in range(self.options.get("critic_steps", 1)):
            batch = next(self.batches)
            real, labels = tf.constant(batch["examples"], tf.float64), batch.get("labels")
            fake = self.called("generator", generator, latents := self.latents(step, k, len(real)), labels)

            def loss(real=real, fake=fake, labels=labels):
                of_real = self.called("discriminator", discriminator, real, labels)
                of_fake = self.called("discriminator", discriminator, fake, labels)
                value = mean(cross_entropy(of_real, 1 - self.smoothing) + cross_entropy(of_fake, 0))
                logs["discriminator_loss"] = value
                return value + self.penalty(step, real, labels)

            self.descend("discriminator", loss)
        if self.options.get("fresh_latents"):
            latents = self.latents(step, k + 1, len(real))
            self.called("generator", generator, latents, labels)

        def loss():
            fake, _ = generator(self.networks["generator"], latents, labels)
            value = mean(cross_entropy(self.called("discriminator", discriminator, fake, labels), 1))
            logs["generator_loss"] = value
            return value

        self.descend("generator", loss)
        return logs

    def latents(self, step, draw, rows):
        latent, key = self.options["latent"], randomness.key(self.seed, "latents", step, draw)
        return tf.cast(randomness.latents(latent.get("prior", "normal"), key, [rows, latent["size"]]), tf.float64)

    def penalty(self, step, real, labels):
        """R1 every few steps; the pass moves the averages at each."""
        total = 0.0
        for one in self.config.penalties:
            assert one.name == "r1"
            with tf.GradientTape() as tape:
                tape.watch(real)
                logits = self.called("discriminator", discriminator, real, labels)
            slope = tf.reduce_sum(tape.gradient(logits, real) ** 2, [1, 2, 3])
            if step % one.every == 0:
                total += one.weight * one.every * mean(slope) / 2
        return total


class CycleGan(Run):
    """Equations 1 to 3 of the CycleGAN paper, with the identity term and the pools."""

    def __init__(self, config, before, batches):
        super().__init__(config, before, batches)
        self.pools = {name[5:]: value.copy() for name, value in before.items() if name.startswith("pool/")}

    def step(self, step):
        batch, logs, fake = next(self.batches), {}, {}
        first, second = self.config.dataset.domains
        real = {domain: tf.constant(batch[domain], tf.float64) for domain in (first, second)}
        other = {first: second, second: first}

        def made(domain, images):
            return resnet(self.networks[f"generator_{domain}"], images)

        def judged(domain, images):
            return patchgan(self.networks[f"discriminator_{domain}"], images)

        def generators():
            fake.update({domain: made(domain, real[other[domain]]) for domain in other})
            logs["generator_loss"] = sum(mean((judged(domain, fake[domain]) - 1) ** 2) for domain in other)
            logs["cycle_loss"] = sum(mean(abs(made(d, fake[other[d]]) - real[d])) for d in other)
            logs["identity_loss"] = sum(mean(abs(made(d, real[d]) - real[d])) for d in other)
            weights = self.options.get("cycle_weight", 10.0), self.options["identity_weight"]
            return logs["generator_loss"] + weights[0] * logs["cycle_loss"] + weights[1] * logs["identity_loss"]

        def discriminators():
            logs["discriminator_loss"] = sum(
                mean((judged(d, real[d]) - 1 + self.smoothing) ** 2 + judged(d, shown[d]) ** 2) / 2 for d in other
            )
            return logs["discriminator_loss"]

        self.descend("generator", generators)
        shown = {domain: self.shown(step, number, domain, fake[domain]) for number, domain in enumerate(other)}
        self.descend("discriminator", discriminators)
        return logs

    def shown(self, step, number, domain, new):
        """New images, half of them exchanged for those of a full pool."""
        pool, new = self.pools[domain], new.numpy()
        shown, key, seen = new.copy(), randomness.key(self.seed, "pool", step, number), step * len(new)
        slots = np.argsort(randomness.uniform(randomness.fold(key, 0), [len(pool)]), kind="stable")
        coins = randomness.uniform(randomness.fold(key, 1), [len(pool)]).numpy()
        for i, image in enumerate(new[: len(pool)]):
            if seen < len(pool):
                pool[(seen + i) % len(pool)] = image
            elif coins[i] < 0.5:
                shown[i] = pool[slots[i]]
                pool[slots[i]] = image
        return tf.constant(shown)


class Pix2Pix(Run):
    """Equations 1 to 4 of the Pix2Pix paper, with a ResNet."""

    def step(self, step):
        batch, logs = next(self.batches), {}
        given, wanted = (tf.constant(batch[domain], tf.float64) for domain in self.config.dataset.domains)
        made = self.config.dataset.domains[1]

        def judged(images):
            return patchgan(self.networks[f"discriminator_{made}"], tf.concat([given, images], -1))

        def discriminators():
            fake = resnet(self.networks[f"generator_{made}"], given)
            value = mean(cross_entropy(judged(wanted), 1 - self.smoothing) + cross_entropy(judged(fake), 0))
            logs["discriminator_loss"] = value
            return value

        def generators():
            fake = resnet(self.networks[f"generator_{made}"], given)
            logs["generator_loss"] = mean(cross_entropy(judged(fake), 1))
            logs["l1_loss"] = mean(abs(fake - wanted))
            return logs["generator_loss"] + self.options.get("l1_weight", 100.0) * logs["l1_loss"]

        self.descend("discriminator", discriminators)
        self.descend("generator", generators)
        return logs


class Cut(Run):
    """Equations 1 to 3 and 5 of the CUT paper, with a ResNet, and the flips of FastCUT."""

    def step(self, step):
        batch, logs, (first, second) = next(self.batches), {}, self.config.dataset.domains
        to = self.options.get("to", second)
        given, wanted = (tf.constant(batch[domain], tf.float64) for domain in (second if to == first else first, to))
        weights = {"nce_loss": self.options.get("nce_weight", 1.0), "identity_loss": self.options["identity_weight"]}
        terms = [name for name, weight in weights.items() if weight]
        coins = randomness.uniform(randomness.key(self.seed, "flip", step), [len(given), 1, 1, 1]) < 0.5

        def flipped(x):
            return tf.where(coins, x[:, :, ::-1], x) if self.options.get("flip_equivariance") else x

        def made(images):
            return resnet(self.networks[f"generator_{to}"], flipped(images))

        def judged(images):
            return patchgan(self.networks[f"discriminator_{to}"], images)

        def layers(images):
            seen = {}
            resnet(self.networks[f"generator_{to}"], images, seen)
            blocks = [name for name in seen if name.startswith("block")]
            usual = dict.fromkeys(["images", "down1", "down2", blocks[0], blocks[:5][-1]])
            names = self.options.get("layers", usual)
            return [(name, seen[name]) for name in names]

        def contrasted(number, original):
            queries, losses = layers(made(original)), []
            for layer, ((name, known), (_, asked)) in enumerate(zip(layers(original), queries, strict=True)):
                key = randomness.key(self.seed, "positions", step, number, layer)
                order = randomness.uniform(key, [known.shape[1] * known.shape[2]]).numpy()
                at = np.argsort(-order, kind="stable")[: self.options.get("positions", 256)]
                q, k = (self.headed(name, x, at) for x in (flipped(asked), known))
                similar = tf.einsum("nsd,nrd->nsr", q, tf.stop_gradient(k)) / self.options.get("temperature", 0.07)
                losses.append(mean(tf.reduce_logsumexp(similar, -1) - tf.einsum("nss->ns", similar)))
            return mean(losses)

        def discriminators():
            value = mean((judged(wanted) - 1 + self.smoothing) ** 2 + judged(made(given)) ** 2) / 2
            logs["discriminator_loss"] = value
            return value

        def generators():
            logs["generator_loss"] = mean((judged(made(given)) - 1) ** 2)
            logs.update({name: contrasted(i, (given, wanted)[i]) for i, name in enumerate(terms)})
            return logs["generator_loss"] + sum(weights[name] * logs[name] for name in terms)

        self.descend("discriminator", discriminators)
        self.descend("generator", generators)
        return logs

    def headed(self, layer, features, at):
        """Unit vectors of a layer's features at some positions."""
        w = self.networks["heads"]
        x = tf.gather(tf.reshape(features, [len(features), -1, features.shape[-1]]), at, axis=1)
        x = tf.nn.relu(x @ w[f"{layer}_hidden/kernel"] + w[f"{layer}_hidden/bias"])
        x = x @ w[f"{layer}_output/kernel"] + w[f"{layer}_output/bias"]
        return x / tf.norm(x, axis=-1, keepdims=True)


# Optimizers: functions of weights and gradients that remember. Keras rounds their numbers to float32.


def optimizer(config):
    """Adam or plain gradient descent, of a config."""
    rate = rounded(config.learning_rate)
    if config.name == "sgd":
        return lambda weights, slopes: [w - rate * g for w, g in zip(weights, slopes, strict=True)]
    return Adam(rate, config.beta_1 or 0.9, config.beta_2 or 0.999)


def rounded(number):
    return float(np.float32(number))


class Adam:
    """Kingma & Ba 2015, algorithm 1, with the efficient order of section 2; epsilon as in Keras."""

    def __init__(self, rate, beta_1, beta_2):
        self.rate, self.betas, self.count, self.moments = rate, (beta_1, beta_2), 0, None

    def __call__(self, weights, slopes):
        self.count += 1
        moments = self.moments or [(0.0, 0.0)] * len(weights)
        (a, b), t = self.betas, self.count
        self.moments = [
            (a * m + (1 - a) * g, b * v + (1 - b) * g**2) for (m, v), g in zip(moments, slopes, strict=True)
        ]
        rate = self.rate * math.sqrt(1 - rounded(b) ** t) / (1 - rounded(a) ** t)
        return [w - rate * m / (tf.sqrt(v) + 1e-7) for w, (m, v) in zip(weights, self.moments, strict=True)]


# Networks.


def generator(w, latents, labels):
    """The DCGAN's, with a label embedding where there is one."""
    if "label_embedding/embeddings" in w:
        latents = tf.concat([latents, tf.gather(w["label_embedding/embeddings"], labels)], -1)
    moved, channels = {}, w["start_norm/gamma"].shape[0]
    x = latents @ w["start/kernel"]
    side = math.isqrt(x.shape[1] // channels)
    x = tf.nn.relu(batch_norm(w, "start_norm", tf.reshape(x, [-1, side, side, channels]), moved))
    level = 1
    while f"up{level}_norm/gamma" in w:
        x = tf.nn.relu(batch_norm(w, f"up{level}_norm", doubled(w, f"up{level}", x), moved))
        level += 1
    return tf.tanh(doubled(w, f"up{level}", x)), moved


def discriminator(w, images, labels):
    """The DCGAN's, with a projection where there is an embedding; logits `[N]`."""
    moved, x, level = {}, images, 1
    while f"down{level}/kernel" in w:
        x = convolved(w, f"down{level}", x, 2, "SAME")
        if f"down{level}_norm/gamma" in w:
            x = batch_norm(w, f"down{level}_norm", x, moved)
        x = leaky(x)
        level += 1
    features = tf.reshape(x, [len(images), -1])
    logits = (features @ w["logits/kernel"] + w["logits/bias"])[:, 0]
    if "label_embedding/embeddings" in w:
        logits += tf.reduce_sum(tf.gather(w["label_embedding/embeddings"], labels) * features, -1)
    return logits, moved


def resnet(w, x, seen=None):
    """The CycleGAN's translator, whose last convolutions are of 4x4; `seen` keeps what some layers make."""
    seen = {} if seen is None else seen
    seen["images"] = x
    x = tf.nn.relu(instance_norm(w, "start_norm", convolved(w, "start", reflected(x, 3))))
    for name in ("down1", "down2"):
        seen[name] = convolved(w, name, framed(x), 2)
        x = tf.nn.relu(instance_norm(w, f"{name}_norm", seen[name]))
    block = 1
    while f"block{block}_conv1/kernel" in w:
        first, second = f"block{block}_conv1", f"block{block}_conv2"
        y = tf.nn.relu(instance_norm(w, f"{first}_norm", convolved(w, first, reflected(x, 1))))
        x += instance_norm(w, f"{second}_norm", convolved(w, second, reflected(y, 1)))
        seen[f"block{block}_sum"] = x
        block += 1
    for name in ("up1", "up2"):
        x = tf.nn.relu(instance_norm(w, f"{name}_norm", doubled(w, name, x)))
    return tf.tanh(convolved(w, "end", reflected(x, 3)))


def patchgan(w, x):
    """Logits of patches, `[N, h, w]`."""
    x = leaky(convolved(w, "down1", framed(x), 2))
    level = 2
    while f"down{level}/kernel" in w:
        x = leaky(instance_norm(w, f"down{level}_norm", convolved(w, f"down{level}", framed(x), 2)))
        level += 1
    x = leaky(instance_norm(w, "last_norm", convolved(w, "last", framed(x))))
    return convolved(w, "logits", framed(x))[..., 0]


def convolved(w, name, x, stride=1, padding="VALID"):
    return tf.nn.conv2d(x, w[f"{name}/kernel"], stride, padding) + w.get(f"{name}/bias", 0.0)


def doubled(w, name, x):
    kernel, (rows, height, width, _) = w[f"{name}/kernel"], x.shape
    x = tf.nn.conv2d_transpose(x, kernel, [rows, 2 * height, 2 * width, kernel.shape[2]], 2, "SAME")
    return x + w.get(f"{name}/bias", 0.0)


def batch_norm(w, name, x, moved):
    return normalised(w, name, x, [0, 1, 2], moved)


def instance_norm(w, name, x):
    return normalised(w, name, x, [1, 2])


def normalised(w, name, x, axes, moved=None):
    """By mean and variance over axes; moving averages of these go to `moved`."""
    centre = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean((x - centre) ** 2, axes, keepdims=True)
    if moved is not None:
        for key, value in ((f"{name}/moving_mean", centre), (f"{name}/moving_variance", variance)):
            moved[key] = 0.9 * w[key] + 0.1 * tf.reshape(value, [-1])
    return (x - centre) / tf.sqrt(variance + EPSILON) * w[f"{name}/gamma"] + w[f"{name}/beta"]


def reflected(x, border):
    return tf.pad(x, [[0, 0], [border] * 2, [border] * 2, [0, 0]], "REFLECT")


def framed(x):
    return tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])


def leaky(x):
    return tf.where(x > 0, x, rounded(0.2) * x)  # an attribute of TensorFlow's operation, which is float32


def mean(x):
    return tf.reduce_mean(x)


def cross_entropy(logits, target):
    """`-t log s(x) - (1 - t) log(1 - s(x))`."""
    return target * tf.nn.softplus(-logits) + (1 - target) * tf.nn.softplus(logits)
