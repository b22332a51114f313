"""Which side of a ReLU's kink a gradient was taken on.

A network of ReLUs has no gradient where a pre-activation is zero: it jumps there. Of the port's 25 million ReLUs, a few
always lie within float32's rounding of zero, and which side they fall on differs between any two implementations:
PyTorch with oneDNN and PyTorch without it give pixel gradients 3.6e-3 apart, and so do rahf and either. Both sides are
right. `explain` takes such jumps, computed by PyTorch alone, out of a difference; what is left is a difference in
arithmetic. A jump counts only when the difference holds it once (0.8 to 1.2 times), so errors of other origins stay.
"""
import torch

WIDTH = 3e-6  # of the layer's standard deviation: about five times the rounding of the deepest layers
MOST = 80  # jumps computed at most, the likely largest first; each costs a backward pass


def jumps(reference, pixels, prompt, objective):
    """What the gradient [3,H,W] gains when one ReLU near its kink changes sides; with the layer's number and place."""
    seen, relu = [], torch.nn.functional.relu

    def recorded(x, inplace=False):
        y = relu(x)
        seen.append((x, y))
        return y

    torch.nn.functional.relu = recorded
    try:
        x = pixels.clone().requires_grad_(True)
        total = reference.objective(x, prompt, objective)
    finally:
        torch.nn.functional.relu = relu
    slopes = torch.autograd.grad(total, [y for _, y in seen], retain_graph=True, allow_unused=True)
    near = []
    for layer, ((z, _), slope) in enumerate(zip(seen, slopes)):
        if slope is None:
            continue
        values = z.detach()
        for place in (values.abs() < WIDTH * values.std()).nonzero():
            place = tuple(place.tolist())
            near.append((abs(slope[place].item()), layer, place))
    near.sort(reverse=True)
    for _, layer, place in near[:MOST]:
        z = seen[layer][0]
        weight = torch.zeros_like(z)
        weight[place] = slopes[layer][place] * (-1 if z[place] > 0 else 1)
        yield torch.autograd.grad(z, x, weight, retain_graph=True)[0], layer, place


def explain(difference, limit, reference, pixels, prompt, objective):
    """The difference [3,H,W] without the jumps it holds, and how many those are. Stops at the norm `limit`."""
    count = tried = 0
    for jump, _, _ in jumps(reference, pixels, prompt, objective):
        if difference.norm() <= limit:
            break
        tried += 1
        share = ((difference * jump).sum() / (jump * jump).sum().clamp_min(1e-30)).item()
        if 0.8 < share < 1.2:
            difference, count = difference - jump, count + 1
    return difference, count, tried
