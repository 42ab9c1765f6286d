"""The recommenders once more in dense float64 NumPy, written from the equations in their docstrings.

Every function takes the parameters by name, as `model.named_parameters()` gives them; users and items have a
padding row 0. Slow, and right by eye.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


def unit(matrix):
    return matrix / np.linalg.norm(matrix, axis=-1, keepdims=True)


def padded(matrix):
    return np.vstack([np.zeros((1, matrix.shape[1])), matrix]).astype(np.float64)


def dot(a, b):
    return (a * b).sum(axis=-1)


def half_squares(*matrices):
    return sum((m**2).sum() for m in matrices) / 2


def norms(*matrices):
    return sum(np.sqrt((m**2).sum()) for m in matrices) / len(matrices[-1])


def adjacency(edges, n_users, n_items):
    """Users first, then items, padding nodes included."""
    graph = np.zeros((n_users + n_items + 2,) * 2)
    for user, item in edges:
        graph[user, n_users + 1 + item] = graph[n_users + 1 + item, user] = 1
    return graph


def symmetric(graph, epsilon):
    degree = graph.sum(axis=1) + epsilon
    return graph / np.sqrt(degree[:, None] * degree)


def propagate(graph, p, n_layers, after=lambda x: x):
    layers = [np.vstack([p["user_embedding"], p["item_embedding"]])]
    for _ in range(n_layers):
        layers.append(after(graph @ layers[-1]))
    mean = sum(layers) / len(layers)
    return mean[: len(p["user_embedding"])], mean[len(p["user_embedding"]) :]


def top(matrix, k):
    """Cosine similarities of the rows but the padding one, the k largest of each row kept."""
    rows = unit(matrix[1:])
    similarity = rows @ rows.T
    kept = np.zeros((len(matrix), len(matrix)))
    for row, values in enumerate(similarity):
        best = np.argsort(-values, kind="stable")[:k]
        kept[row + 1, best + 1] = values[best]
    return kept


def features(p, content, modality):
    return p.get(f"trained.{modality}", padded(content[modality]))


def projected(p, content, modality):
    weight, bias = p[f"projections.{modality}.weight"], p[f"projections.{modality}.bias"]
    return features(p, content, modality) @ weight.T + bias


class VBPR:
    def __init__(self, content, settings, flavour):
        self.content, self.reg, self.flavour = content, settings["reg_weight"], flavour

    def embeddings(self, p):
        items = p["item_factors"]
        if self.content:
            x = padded(np.hstack(list(self.content.values())))
            g = x @ p["projection.weight"].T + p["projection.bias"]
            items = np.hstack([items, unit(g) if self.flavour == "elliot" else g])
        return p["user_factors"], items

    def loss(self, p, u, i, j):
        users, items = self.embeddings(p)
        difference = dot(users[u], items[i]) - dot(users[u], items[j])
        if self.flavour == "elliot":
            return np.log1p(np.exp(-difference)).mean() + self.reg * half_squares(users[u], items[i], items[j]) / len(u)
        return -np.log(1e-10 + sigmoid(difference)).mean() + self.reg * norms(users[u], items[i], items[j])


class Ensemble:
    def __init__(self, content, settings):
        self.content, self.reg = content, settings["reg_weight"]

    def models(self, p):
        found = [(p["user_factors"], p["item_factors"])]
        if self.content:
            x = padded(np.hstack(list(self.content.values())))
            found.append((p["user_tastes"], x @ p["projection.weight"].T + p["projection.bias"]))
        return found

    def embeddings(self, p):
        models = self.models(p)
        users = [users / (users[1:] @ items[1:].T).std() for users, items in models]
        return np.hstack(users), np.hstack([items for _, items in models])

    def loss(self, p, u, i, j):
        loss = 0.0
        for users, items in self.models(p):
            difference = dot(users[u], items[i] - items[j])
            loss += -np.log(1e-10 + sigmoid(difference)).mean() + self.reg * norms(users[u], items[i], items[j])
        return loss


class FREEDOM:
    def __init__(self, content, settings, edges, n_users, n_items):
        self.content, self.settings = content, settings
        self.graph = symmetric(adjacency(edges, n_users, n_items), 1e-7)
        self.item_graph = np.zeros((n_items + 1, n_items + 1))
        if settings["item_graph"] == "identity":
            self.item_graph = np.eye(n_items + 1)
        weights = {1: [settings["single_weight"]], 2: [0.1, 0.9]}.get(len(content), [])
        for weight, matrix in zip(weights, content.values(), strict=True):
            self.item_graph = (
                self.item_graph + weight * (top(padded(matrix), settings["knn_k"]) != 0) / settings["knn_k"]
            )

    def embeddings(self, p):
        users, items = propagate(self.graph, p, 2)
        return users, items + self.item_graph @ p["item_embedding"]

    def loss(self, p, u, i, j):
        users, items = self.embeddings(p)
        loss = -log_sigmoid(dot(users[u], items[i] - items[j])).mean()
        for modality in self.content:
            f = projected(p, self.content, modality)
            loss += self.settings["reg_weight"] * -log_sigmoid(dot(users[u], f[i] - f[j])).mean()
        return loss


class LATTICE:
    def __init__(self, content, settings, edges, n_users, n_items, flavour):
        self.content, self.settings, self.elliot = content, settings, flavour == "elliot"
        graph = adjacency(edges, n_users, n_items) + np.eye(n_users + n_items + 2)
        inverse = np.diag(1 / graph.sum(axis=1))
        self.graph = inverse @ graph @ inverse if self.elliot else inverse @ graph

    def laplacian(self, graph):
        if self.elliot:
            graph = graph.copy()
            graph[np.arange(1, len(graph)), np.arange(1, len(graph))] = 1
        degree = graph.sum(axis=1)
        root = np.array([1 / np.sqrt(d) if d > 0 else 0.0 for d in degree])
        return root[:, None] * graph * root

    def embeddings(self, p):
        users, items = propagate(self.graph, p, 2, unit if self.elliot else lambda x: x)
        if self.settings["item_graph"] == "identity":
            return users, items + unit(p["item_embedding"])
        if not self.content:
            return users, items
        w = np.exp(p["theta"]) / np.exp(p["theta"]).sum()
        k, kept = self.settings["knn_k"], self.settings["lambda_coeff"]
        learned, original = 0, 0
        for weight, (modality, matrix) in zip(w, self.content.items(), strict=True):
            learned = learned + weight * top(projected(p, self.content, modality), k)
            original = original + weight * self.laplacian(top(padded(matrix), k))
        h = ((1 - kept) * self.laplacian(learned) + kept * original) @ p["item_embedding"]
        linked = h.any(axis=1)  # an item without neighbours has no h
        h[linked] = unit(h[linked])
        return users, items + h

    def loss(self, p, u, i, j):
        users, items = self.embeddings(p)
        size = len(u) if self.elliot else self.settings["train_batch_size"]
        ranking = -log_sigmoid(dot(users[u], items[i] - items[j])).mean()
        return ranking + self.settings["reg_weight"] * half_squares(users[u], items[i], items[j]) / size


class BM3:
    """Targets have no gradient, so they are given as numbers. What is dropped out of all nodes: users, items, views."""

    def __init__(self, content, settings, edges, n_users, n_items):
        self.content, self.settings = content, settings
        self.graph = symmetric(adjacency(edges, n_users, n_items), 1e-7)
        self.at = None
        self.kept = [1] * (2 + len(content))

    def before(self, p):
        users, items = propagate(self.graph, p, self.settings["n_layers"])
        return users, items + p["item_embedding"]

    def predict(self, p, x):
        return x @ p["predictor.weight"].T + p["predictor.bias"]

    def embeddings(self, p):
        return tuple(self.predict(p, x) for x in self.before(p))

    def loss(self, p, u, i, j):
        at = self.at or p
        target_users, target_items = (e * mask for e, mask in zip(self.before(at), self.kept, strict=False))

        def apart(a, b):
            return 1 - dot(unit(a), unit(b)).mean()

        users, items = self.before(p)
        loss = apart(self.predict(p, users[u]), target_items[i]) + apart(self.predict(p, items[i]), target_users[u])
        loss += self.settings["reg_weight"] * norms(users[1:], items[1:])
        for modality, mask in zip(self.content, self.kept[2:], strict=True):
            online = self.predict(p, projected(p, self.content, modality)[i])
            target = (projected(at, self.content, modality) * mask)[i]
            loss += self.settings["cl_weight"] * (apart(online, target_items[i]) + apart(online, target))
        return loss


class Views:
    """What MGCN and SMORE share; `at` keeps nothing still, as everything has a gradient."""

    def __init__(self, content, settings, edges, n_users, n_items):
        self.content, self.settings, self.n_users = content, settings, n_users
        graph = adjacency(edges, n_users, n_items)
        degree = graph.sum(axis=1)
        root = np.array([1 / np.sqrt(d) if d > 0 else 0.0 for d in degree])
        self.graph = root[:, None] * graph * root
        self.to_users = self.graph[: n_users + 1, n_users + 1 :]
        self.item_graphs = {name: self.item_graph(name, matrix) for name, matrix in content.items()}

    def item_graph(self, name, matrix):
        kept = top(padded(matrix), self.k_of(name))
        degree = kept.sum(axis=1)
        root = np.array([1 / np.sqrt(d) if d > 0 else 0.0 for d in degree])
        return root[:, None] * kept * root

    def k_of(self, name):
        return self.settings["knn_k"]

    def linear(self, p, name, x):
        return x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0)

    def view(self, p, name, x):
        items = p["item_embedding"] * sigmoid(self.linear(p, f"gates.{name}", x))
        for _ in range(self.settings["n_item_layers"]):
            items = self.item_graphs[name] @ items
        return np.vstack([self.to_users @ items, items])

    def both(self, p):
        users, items = propagate(self.graph, p, self.settings["n_ui_layers"])
        behaviour = np.vstack([users, items])
        return behaviour, self.side(p, behaviour) if self.content else np.zeros_like(behaviour)

    def embeddings(self, p):
        nodes = sum(self.both(p))
        return nodes[: self.n_users + 1], nodes[self.n_users + 1 :]

    def loss(self, p, u, i, j):
        users, items = self.embeddings(p)
        loss = -log_sigmoid(dot(users[u], items[i] - items[j])).mean()
        loss += (
            self.settings["reg_weight"] * half_squares(users[u], items[i], items[j]) / self.settings["train_batch_size"]
        )
        if self.content:
            behaviour, side = self.both(p)
            for nodes in (u, self.n_users + 1 + i):
                a, b = unit(side[nodes]), unit(behaviour[nodes])
                likeness = np.exp(a @ b.T / 0.2)
                loss += self.settings["cl_weight"] * -np.log(np.diag(likeness) / likeness.sum(axis=1)).mean()
        return loss


class MGCN(Views):
    def side(self, p, behaviour):
        views = {name: self.view(p, name, projected(p, self.content, name)) for name in self.content}
        asked = [self.linear(p, "query.2", np.tanh(self.linear(p, "query.0", view))) for view in views.values()]
        shares = np.exp(asked) / np.exp(asked).sum(axis=0)
        common = sum(share * view for share, view in zip(shares, views.values(), strict=True))
        apart = [
            sigmoid(self.linear(p, f"preferences.{name}", behaviour)) * (view - common) for name, view in views.items()
        ]
        return (common + sum(apart)) / (len(views) + 1)


class SMORE(Views):
    """Without dropout. A filter in the spectrum by its definition, without an FFT."""

    def __init__(self, content, settings, edges, n_users, n_items):
        super().__init__(content, settings, edges, n_users, n_items)
        if content:
            one, other = self.item_graphs.values()
            # A missing edge has no weight, not weight 0.
            known = [np.where(graph != 0, graph, -np.inf) for graph in (one, other)]
            largest = np.maximum(*known)
            self.item_graphs["fused"] = np.where(np.isfinite(largest), largest, 0.0)

    def k_of(self, name):
        return self.settings["visual_knn_k" if name == "visual" else "textual_knn_k"]

    def spectrum(self, x):
        size = x.shape[1]
        return x @ np.exp(-2j * np.pi * np.outer(np.arange(size), np.arange(size // 2 + 1)) / size) / np.sqrt(size)

    def filtered(self, p, name, spectrum):
        size = p["item_embedding"].shape[1]
        real, imaginary = p[f"filters.{name}"].T
        product = spectrum * (real + 1j * imaginary)
        # The other half mirrors this one; the first has no twin, and of an even size the last has none.
        weight = np.where((np.arange(size // 2 + 1) == 0) | (2 * np.arange(size // 2 + 1) == size), 1, 2)
        back = np.exp(2j * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size)
        return ((product * weight) @ back).real / np.sqrt(size)

    def side(self, p, behaviour):
        spectra = [self.spectrum(projected(p, self.content, name)) for name in self.content]
        named = dict(zip([*self.content, "fused"], [*spectra, spectra[0] * spectra[1]], strict=True))
        views = {name: self.view(p, name, self.filtered(p, name, spectrum)) for name, spectrum in named.items()}
        total = 0
        for name, view in views.items():
            prefers = sigmoid(self.linear(p, f"preferences.{name}", behaviour))
            if name != "fused":
                hidden = np.tanh(self.linear(p, f"queries.{name}.0", views["fused"]))
                asked = np.exp(self.linear(p, f"queries.{name}.2", hidden))
                prefers = prefers * asked / asked.sum(axis=1, keepdims=True)
            total = total + prefers * view
        return total / 3


class LGMRec:
    """Without dropout; `noise`, by modality what was drawn of users and items, is given."""

    noise = None

    def __init__(self, content, settings, edges, n_users, n_items):
        self.content, self.settings, self.n_users = content, settings, n_users + 1
        graph = adjacency(edges, n_users, n_items)
        self.had = graph[: self.n_users, self.n_users :]
        self.graph = symmetric(graph, 1e-7)

    def parts(self, p, noise=None):
        """E, L_m and T_m of all nodes."""
        behaviour = np.vstack(propagate(self.graph, p, self.settings["n_ui_layers"]))
        local, hyper = [], []
        for number, (name, matrix) in enumerate(self.content.items()):
            f = padded(matrix)
            x = f @ p[f"projections.{name}.weight"].T
            own = self.had.sum(axis=1, keepdims=True) + 1e-7
            nodes = np.vstack([self.had @ x / own, x])
            for _ in range(self.settings["n_content_layers"]):
                nodes = self.graph @ nodes
            local.append(nodes)
            logits = f @ p[f"hyperedges.{name}.weight"].T
            logits = np.vstack([self.had @ logits, logits]) + (0 if noise is None else noise[number])
            share = np.exp(logits / 0.2 - (logits / 0.2).max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            items, of_items = behaviour[self.n_users :], share[self.n_users :]
            for _ in range(self.settings["n_hyper_layers"]):
                meet = sum(np.outer(of_items[n], items[n]) for n in range(1, len(items)))
                items = of_items @ meet
            hyper.append(np.vstack([share[: self.n_users] @ meet, items]))
        return behaviour, local, hyper

    def nodes(self, behaviour, local, hyper):
        def scaled(matrix):
            lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
            return matrix / np.where(lengths > 0, lengths, 1)

        return behaviour + sum(map(scaled, local)) + (self.settings["alpha"] * scaled(sum(hyper)) if hyper else 0)

    def embeddings(self, p):
        nodes = self.nodes(*self.parts(p))
        return nodes[: self.n_users], nodes[self.n_users :]

    def loss(self, p, u, i, j):
        behaviour, local, hyper = self.parts(p, self.noise)
        nodes = self.nodes(behaviour, local, hyper)
        users, items = nodes[: self.n_users], nodes[self.n_users :]
        loss = -log_sigmoid(dot(users[u], items[i] - items[j])).mean()
        loss += self.settings["reg_weight"] * norms(users[u], items[i], items[j])
        if len(hyper) == 2:
            first = range(1, self.n_users), range(self.n_users + 1, len(nodes))
            for chosen, all_of_them in zip((u, self.n_users + i), first, strict=True):
                likeness = np.exp(unit(hyper[0][chosen]) @ unit(hyper[1][all_of_them]).T / 0.2)
                own = np.exp(dot(unit(hyper[0][chosen]), unit(hyper[1][chosen])) / 0.2)
                loss += self.settings["cl_weight"] * -np.log(own / likeness.sum(axis=1)).sum()
        return loss


def gradient(model, p, batch, step=1e-6):
    """The gradient of the loss by central differences, by parameter."""
    model.at = {name: value.copy() for name, value in p.items()}
    slopes = {}
    for name, value in p.items():
        slopes[name] = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            kept = value[place]
            value[place] = kept + step
            above = model.loss(p, *batch)
            value[place] = kept - step
            slopes[name][place] = (above - model.loss(p, *batch)) / (2 * step)
            value[place] = kept
    return slopes
