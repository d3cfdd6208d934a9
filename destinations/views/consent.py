"""Connecting an account at the vendor, and coming back from there."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from common.errors import ConflictError
from destinations.models import Destination
from destinations.services import destinations as services
from destinations.services.consent import begin_consent, finish_consent, read_state
from destinations.views.common import destination_url, get_destination
from spaces.access import SpaceRequest, allows, space_view
from spaces.models import Member, Role, User

NONCES = "destination_consents"
# Started and not finished, in one browser.
MOST = 5


@space_view(Role.ADMIN)
@require_GET
def account_connect(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """To the vendor's page of consent."""
    found = get_destination(request, destination_id)
    try:
        begun = begin_consent(destination=found, actor=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
        return redirect(destination_url("settings", found))
    request.session[NONCES] = [*request.session.get(NONCES, []), begun.nonce][-MOST:]
    return HttpResponseRedirect(begun.url)


@require_GET
def account_connected(request: HttpRequest) -> HttpResponse:
    """Back from the vendor: 404 for a state that this browser did not begin, or whose user may not do this any more."""
    state = read_state(request.GET.get("state", ""))
    nonces = request.session.get(NONCES, [])
    user = request.user
    if state is None or state.nonce not in nonces or not isinstance(user, User) or state.user != user.pk:
        raise Http404("This link was not begun here, or is too old. Open the destination and connect again.")
    request.session[NONCES] = [nonce for nonce in nonces if nonce != state.nonce]
    found = (
        Destination.objects.select_related("space__workspace")
        .filter(public_id=state.destination, deleted_at=None)
        .first()
    )
    member = Member.objects.filter(user=user, workspace=found.space.workspace).first() if found is not None else None
    if found is None or member is None or not allows(member, Role.ADMIN):
        raise Http404("There is no such destination.")
    code, problem = request.GET.get("code", ""), request.GET.get("error_description") or request.GET.get("error", "")
    if not code:
        messages.error(request, f"No account was connected: {problem[:200] or 'the tool gave no code'}.")
        return redirect(destination_url("settings", found))
    try:
        finish_consent(destination=found, code=code, actor=user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"An account is connected to {found.name}.")
    return redirect(destination_url("settings", found))


@space_view(write=Role.ADMIN)
@require_POST
def destination_resume(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """Let the calls of a paused destination go again."""
    found = get_destination(request, destination_id)
    services.resume_destination(destination=found, actor=request.user)
    messages.success(request, f"{found.name} is delivered to again.")
    return redirect(destination_url("detail", found))
