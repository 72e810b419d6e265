"""The engine: decisions in `domain`, deliveries in `delivery`, storage in `store`, the wire in `egress`.

`docs/architecture.md` maps every package. The public names are those of `breakwater` itself.
"""
